import { Inject, Injectable } from '@nestjs/common';
import { and, eq, lt } from 'drizzle-orm';
import { DATABASE, type Database, idempotencyKeys } from '#libs/registry-db';
import { CLOCK, type Clock } from '#libs/runtime';
import { SecretBox } from '../secret-box.js';

/** A POST that its client may repeat. */
export interface IdempotentRequest {
  principalKey: string;
  idempotencyKey: string;
  /** SHA-256 of what is asked. */
  requestHash: Buffer;
}

/** What is known of a key that was sent before. */
export type Earlier =
  | { kind: 'none' }
  | { kind: 'different' }
  | { kind: 'running' }
  | { kind: 'answered'; status: number; body: unknown };

const keptMs = 24 * 3_600_000;
/** After so long without an answer, the process that had the request is gone: it may be tried again. */
const abandonedMs = 60_000;

/** Answers by key, sealed with the master key: some of them hold secrets that are shown once. */
@Injectable()
export class IdempotencyStore {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SecretBox) private readonly secretBox: SecretBox,
  ) {}

  /** Takes the key for this request, or tells what became of the one that has it. */
  async begin(request: IdempotentRequest): Promise<Earlier> {
    const now = this.clock.now();
    for (;;) {
      const { principalKey, idempotencyKey, requestHash } = request;
      const taken = await this.database
        .insert(idempotencyKeys)
        .values({ principalKey, idempotencyKey, requestHash, createdAt: new Date(now) })
        .onConflictDoNothing()
        .returning({ key: idempotencyKeys.idempotencyKey });
      if (taken.length > 0) return { kind: 'none' };
      const [row] = await this.database.select().from(idempotencyKeys).where(sameKey(request));
      if (!row) continue;
      const ageMs = now - row.createdAt.getTime();
      if (ageMs >= keptMs || (row.status === null && ageMs >= abandonedMs)) {
        await this.database
          .delete(idempotencyKeys)
          .where(and(sameKey(request), eq(idempotencyKeys.createdAt, row.createdAt)));
        continue;
      }
      if (!row.requestHash.equals(requestHash)) return { kind: 'different' };
      if (row.status === null) return { kind: 'running' };
      const text = row.response === null ? undefined : this.secretBox.openText(row.response, contextOf(request));
      return { kind: 'answered', status: row.status, body: text === undefined ? undefined : JSON.parse(text) };
    }
  }

  async finish(request: IdempotentRequest, status: number, body: unknown): Promise<void> {
    const response = body === undefined ? null : this.secretBox.seal(JSON.stringify(body), contextOf(request));
    await this.database.update(idempotencyKeys).set({ status, response }).where(sameKey(request));
  }

  async abandon(request: IdempotentRequest): Promise<void> {
    await this.database.delete(idempotencyKeys).where(sameKey(request));
  }

  /** Forgets what is older than 24 h. */
  async prune(): Promise<void> {
    await this.database
      .delete(idempotencyKeys)
      .where(lt(idempotencyKeys.createdAt, new Date(this.clock.now() - keptMs)));
  }
}

function sameKey(request: IdempotentRequest) {
  return and(
    eq(idempotencyKeys.principalKey, request.principalKey),
    eq(idempotencyKeys.idempotencyKey, request.idempotencyKey),
  );
}

function contextOf(request: IdempotentRequest): string {
  return `idempotency:${request.principalKey}:${request.idempotencyKey}`;
}
