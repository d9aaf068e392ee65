import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { v7 } from 'uuid';
import {
  type HttpConfig,
  httpConfig,
  LOGGER,
  type Logger,
  PlatformError,
  ProblemFilter,
  RequestValidationPipe,
  RevisionEtag,
  readJsonOnly,
  TRACING,
  type Tracing,
  traceRequests,
} from '#libs/runtime';
import { bearerToken } from '../authenticator.js';
import { hashToken } from '../secret-token.js';

const minuteMs = 60_000;

/**
 * Everything that stands before and around the REST routes: body limits, validation, problem documents, rate limits,
 * request ids, spans and security headers. To be called once, before `init`.
 */
export async function configureHttp(app: NestFastifyApplication): Promise<void> {
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  traceRequests(server, app.get<Tracing>(TRACING));
  readJsonOnly(server);
  nameRequests(server);
  await limitRates(server, app.get<HttpConfig>(httpConfig.KEY, { strict: false }));
  app.useSecurityHeaders({
    // Plain HTTP is a deployment's choice: behind a proxy that speaks TLS, or on a developer's machine.
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null, frameAncestors: "'none'" } },
    xFrameOptions: { action: 'deny' },
  });
  app.useGlobalPipes(new RequestValidationPipe());
  app.useGlobalFilters(new ProblemFilter(app.get<Logger>(LOGGER)));
  app.useGlobalInterceptors(new RevisionEtag());
}

/** A request keeps the id that a proxy gave it, and tells it back. Answers of the API are nobody's to cache. */
function nameRequests(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    const given = request.headers['x-request-id'];
    request.id = typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : v7();
    reply.header('x-request-id', request.id);
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });
}

/** Per address first, so that nobody escapes by inventing tokens; then per token. */
async function limitRates(server: FastifyInstance, config: HttpConfig): Promise<void> {
  await server.register(rateLimit, { global: false });
  const limits = [
    server.createRateLimit({ max: config.ratePerAddress, timeWindow: minuteMs, keyGenerator: (request) => request.ip }),
    server.createRateLimit({ max: config.ratePerToken, timeWindow: minuteMs, keyGenerator: tokenOf }),
  ];
  server.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/health/')) return;
    for (const check of limits) {
      const result = await check(request);
      if (result.isAllowed || !result.isExceeded) continue;
      throw new PlatformError(
        429,
        'too_many_requests',
        `More than ${result.max} requests in a minute. Wait ${result.ttlInSeconds} s.`,
        {},
        { 'retry-after': String(result.ttlInSeconds) },
      );
    }
  });
}

/** The token's hash; without one, the address once more. */
function tokenOf(request: FastifyRequest): string {
  const token = bearerToken(request.headers.authorization);
  return token === undefined ? request.ip : hashToken(token).toString('base64');
}
