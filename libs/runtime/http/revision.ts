import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { invalid, PlatformError } from '../errors.js';

/** The ETag of a resource at a revision: `"3"`. */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/** The revision that an `If-Match` header asks for; undefined without the header or for `*`. Throws 400 `if_match_invalid`. */
export function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  const match = /^\s*(?:W\/)?"(\d{1,9})"\s*$/.exec(header);
  if (!match)
    throw invalid(
      'if_match_invalid',
      'If-Match: not an ETag of this API; send the one you were given, quotes included.',
    );
  return Number(match[1]);
}

/** The revision the caller believes it changes: `@IfMatch() expected: number | undefined`. */
export const IfMatch = createParamDecorator((_data: unknown, context: ExecutionContext): number | undefined =>
  parseIfMatch(context.switchToHttp().getRequest<FastifyRequest>().headers['if-match']),
);

/** 412 for a change made on an old revision. */
export function revisionConflict(current: number): PlatformError {
  return new PlatformError(
    412,
    'revision_conflict',
    'It was changed meanwhile. Read it again and repeat your change.',
    {
      currentRevision: current,
    },
  );
}

/** Throws 412 where the caller expects another revision than `current`. */
export function requireRevision(expected: number | undefined, current: number): void {
  if (expected !== undefined && expected !== current) throw revisionConflict(current);
}

/** Gives every answer that is one resource with a `revision` its ETag. */
@Injectable()
export class RevisionEtag implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((body: unknown) => {
        const revision = (body as { revision?: unknown } | null | undefined)?.revision;
        if (typeof revision === 'number' && !reply.raw.headersSent) reply.header('etag', etagOf(revision));
        return body;
      }),
    );
  }
}
