import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../errors.js';
import { LOGGER, type Logger } from '../logger.js';
import { isTransient } from '../transient.js';

/** Renders every failure of the REST API as an RFC 9457 problem document with a stable `code`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const problem = asProblem(error);
    if (problem.status >= 500)
      this.logger.error({ err: error, url: request.url, method: request.method }, 'request failed');
    reply
      .status(problem.status)
      .headers(problem.headers)
      .type('application/problem+json')
      .send({
        type: `about:blank`,
        title: problem.code.replaceAll('_', ' '),
        status: problem.status,
        code: problem.code,
        detail: problem.detail,
        instance: request.url.split('?')[0],
        ...problem.extra,
      });
  }
}

/** Any thrown thing as a `PlatformError`; what was not expected says nothing of its inside. */
export function asProblem(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof HttpException) {
    const status = error.getStatus();
    return new PlatformError(status, httpCodes[status] ?? `http_${status}`, error.message);
  }
  if (isDataException(error)) {
    return new PlatformError(
      400,
      'value_malformed',
      'A value has a form that cannot be used: an id, a cursor or a number.',
    );
  }
  if (isTransient(error)) {
    const detail = 'An engine that the platform stands on does not answer at this moment. Try again in a few seconds.';
    return new PlatformError(503, 'engine_unavailable', detail, {}, { 'retry-after': '2' });
  }
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new PlatformError(status, httpCodes[status] ?? `http_${status}`, (error as Error).message);
  }
  return new PlatformError(500, 'internal_error', 'The platform failed to answer. The failure has been logged.');
}

/** PostgreSQL's class 22: a value that came through every check and still is no UUID, or a text with a NUL in it. */
function isDataException(error: unknown): boolean {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);
}

const httpCodes: Record<number, string> = {
  400: 'bad_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
};
