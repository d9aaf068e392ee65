import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { CLOCK, type Clock, conflict, invalid, LOGGER, type Logger, PlatformError, sleep } from '#libs/runtime';
import type { AuditedRequest } from '../audit/audited-request.js';
import { IdempotencyStore, type IdempotentRequest } from './idempotency.store.js';

const longestKey = 200;
/** Between attempts to store an answer: its client waits for as long. */
const storePausesMs = [50, 200, 500];

/**
 * Lets a client repeat a POST safely: the first answer to an `Idempotency-Key` is given again for 24 h. Requests that
 * failed are not remembered, for they changed nothing.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    @Inject(IdempotencyStore) private readonly store: IdempotencyStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<AuditedRequest>();
    const idempotencyKey = request.headers['idempotency-key'];
    if (request.method !== 'POST' || idempotencyKey === undefined || !request.principal) return next.handle();
    if (
      typeof idempotencyKey !== 'string' ||
      !/^[\x21-\x7e]+$/.test(idempotencyKey) ||
      idempotencyKey.length > longestKey
    ) {
      throw invalid('idempotency_key_invalid', `Idempotency-Key: send 1 to ${longestKey} visible ASCII characters.`);
    }
    const requestHash = createHash('sha256')
      .update(`${request.url}\n${JSON.stringify(request.body ?? null)}`)
      .digest();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return from(this.once({ principalKey: request.principal.key, idempotencyKey, requestHash }, reply, next));
  }

  private async once(request: IdempotentRequest, reply: FastifyReply, next: CallHandler): Promise<unknown> {
    const earlier = await this.store.begin(request);
    switch (earlier.kind) {
      case 'none': {
        const body = await this.run(request, next);
        await this.remember(request, reply.statusCode, body);
        return body;
      }
      case 'different':
        throw new PlatformError(
          422,
          'idempotency_key_reused',
          'Idempotency-Key: it was sent with another request. Use a new one.',
        );
      case 'running':
        throw conflict(
          'request_in_progress',
          'The first request with this Idempotency-Key is still under way. Try again.',
        );
      case 'answered':
        reply.status(earlier.status).header('idempotent-replayed', 'true');
        return earlier.body;
    }
  }

  private async run(request: IdempotentRequest, next: CallHandler): Promise<unknown> {
    try {
      return await lastValueFrom(next.handle(), { defaultValue: undefined });
    } catch (error) {
      await this.store.abandon(request);
      throw error;
    }
  }

  /**
   * What the request did is done: its client has the answer also where that cannot be stored. Then a repeat is told for a
   * minute that the first is under way, as if the process had died.
   */
  private async remember(request: IdempotentRequest, status: number, body: unknown): Promise<void> {
    for (const pauseMs of [...storePausesMs, undefined]) {
      try {
        await this.store.finish(request, status, body);
        return;
      } catch (error) {
        if (pauseMs === undefined)
          this.logger.warn({ err: error }, 'the answer to an Idempotency-Key could not be stored');
        else await sleep(this.clock, pauseMs);
      }
    }
  }
}
