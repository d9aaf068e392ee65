import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RunningSpan } from './span.js';
import { parseTraceparent } from './span-reference.js';
import type { Tracing } from './tracing.js';

const serverError = 500;

/**
 * A span for each request of the API, under the caller's where it sends a `traceparent`. Live streams have none: they last
 * for hours. Names and attributes as in OpenTelemetry's semantic conventions for HTTP.
 */
export function traceRequests(server: FastifyInstance, tracing: Tracing): void {
  if (!tracing.configured) return;
  const spans = new WeakMap<FastifyRequest, RunningSpan>();
  server.addHook('onRequest', (request, _reply, done) => {
    const { method, headers } = request;
    const route = request.routeOptions.url ?? '';
    if (!route.startsWith('/api/') || route.endsWith('/stream')) return done();
    const span = tracing.begin(`${method} ${route}`, {
      kind: 'server',
      parent: parseTraceparent(headers.traceparent),
      attributes: { 'http.request.method': method, 'http.route': route },
    });
    if (!span) return done();
    spans.set(request, span);
    tracing.within(span, done);
  });
  // Once more: reading a body calls back from outside.
  server.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) tracing.within(span, done);
    else done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.set({ 'http.response.status_code': reply.statusCode });
    if (reply.statusCode >= serverError) span?.fail(`answered ${reply.statusCode}`);
    span?.end();
    done();
  });
}
