import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { catchError, concatMap, from, map, type Observable } from 'rxjs';
import { asProblem, CLOCK, type Clock } from '#libs/runtime';
import { AuditLog } from './audit-log.js';
import { type AuditedRequest, auditEntryOf } from './audited-request.js';

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Writes one audit record for every write and every denial, before the answer leaves. Denials by the guard, which comes
 * first, are its own to write.
 */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    @Inject(AuditLog) private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<AuditedRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const isWrite = writes.has(request.method);
    const failed = (error: unknown): Observable<never> => {
      const { status, code } = asProblem(error);
      const rethrow = () => {
        throw error;
      };
      if (!isWrite && status !== 401 && status !== 403) return rethrow();
      return from(this.log.append(auditEntryOf(request, { status, code }, this.clock))).pipe(map(rethrow));
    };
    const handled = next.handle().pipe(catchError(failed));
    if (!isWrite) return handled;
    return handled.pipe(
      concatMap(async (body: unknown) => {
        await this.log.append(auditEntryOf(request, { status: reply.statusCode, code: null, body }, this.clock));
        return body;
      }),
    );
  }
}
