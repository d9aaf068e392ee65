import { isUtf8 } from 'node:buffer';
import { Inject, Injectable } from '@nestjs/common';
import { validate as isUuid } from 'uuid';
import { type Principal, tenantScope } from '#libs/access';
import { ContractError, canonicalDeviceId, decodeRawMessages, type RawMessage, streams } from '#libs/contracts';
import {
  CLOCK,
  type Clock,
  conflict,
  decodeCursor,
  invalid,
  METRICS,
  type Metrics,
  notFound,
  type Page,
  toPage,
} from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { type DeadLettersConfig, deadLettersConfig } from './dead-letters.config.js';
import type {
  ContentView,
  DeadLetterDetail,
  DeadLetterQuery,
  DeadLetterView,
  DiscardList,
  ReplayDeadLetters,
  ReplayResult,
} from './dead-letters.dto.js';
import { DeadLettersRepository, type LetterFilter, type LetterRow } from './dead-letters.repository.js';

const shownCharacters = 2_000;
const lettersPerAppend = 100;

/** What operators do with dead letters. */
@Injectable()
export class DeadLettersService {
  private readonly replayed;

  constructor(
    @Inject(DeadLettersRepository) private readonly repository: DeadLettersRepository,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(deadLettersConfig.KEY) private readonly config: DeadLettersConfig,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.replayed = metrics.counter('dead_letters_replayed_total', 'Dead letters put back into their streams.');
  }

  async list(principal: Principal, query: DeadLetterQuery): Promise<Page<DeadLetterView>> {
    const cursor = decodeCursor(query.cursor, 1)?.[0];
    if (cursor !== undefined && !isUuid(cursor)) throw invalid('cursor_invalid', 'cursor: not one this list gave.');
    const filter = { ...filterOf(principal, query), replayed: query.replayed && query.replayed === 'true' };
    const rows = await this.repository.list(filter as LetterFilter, cursor as string | undefined, query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  async get(principal: Principal, id: string): Promise<DeadLetterDetail> {
    const row = await this.repository.get(id, tenantScope(principal));
    if (!row) throw notFound('dead_letter', id);
    const message = messageIn(row.stream, row.original);
    return {
      ...viewOf(row),
      kind: message?.kind ?? null,
      name: message?.name || null,
      content: contentOf(Buffer.from(message?.payload ?? row.original)),
    };
  }

  /** Puts one letter back into its stream. */
  async replay(principal: Principal, id: string): Promise<DeadLetterView> {
    const row = await this.repository.get(id, tenantScope(principal));
    if (!row) throw notFound('dead_letter', id);
    if (row.stream === '') {
      throw conflict(
        'dead_letter_not_replayable',
        `Nothing reads what was refused as ${row.reason}: there is no stream to put it into.`,
      );
    }
    if (row.replayedAt) {
      throw conflict(
        'dead_letter_replayed',
        `It was replayed at ${row.replayedAt.toISOString()} by ${row.replayedBy}.`,
      );
    }
    await this.putBack([row], principal);
    const after = await this.repository.get(id, tenantScope(principal));
    return viewOf(after ?? row);
  }

  /** Puts back all that fit the filter, in their order, up to the limit of one request. */
  async replayAll(principal: Principal, wanted: ReplayDeadLetters): Promise<ReplayResult> {
    const filter = filterOf(principal, wanted);
    let replayed = 0;
    let after: string | undefined;
    while (replayed < this.config.replayLimit) {
      const limit = Math.min(lettersPerAppend, this.config.replayLimit - replayed);
      const rows = await this.repository.replayable(filter, after, limit);
      if (rows.length > 0) await this.putBack(rows, principal);
      replayed += rows.length;
      after = rows.at(-1)?.key;
      if (rows.length < limit) return { replayed, more: false };
    }
    return { replayed, more: (await this.repository.replayable(filter, after, 1)).length > 0 };
  }

  async discards(principal: Principal): Promise<DiscardList> {
    const counts = await this.repository.counts(tenantScope(principal));
    return {
      items: counts.map(({ stage, reason, letters, replayed, lastAt }) => ({
        stage,
        reason,
        count: letters,
        replayed,
        lastAt: lastAt.toISOString(),
      })),
    };
  }

  /** First durable, then noted: a crash between the two replays again, which readers of streams put up with. */
  private async putBack(rows: readonly (LetterRow & { original: Buffer })[], principal: Principal): Promise<void> {
    await this.stream.append(
      rows.map(({ stream, lane, partition, original }) => ({ stream, lane, partition, data: original })),
    );
    await this.repository.markReplayed(rows, new Date(this.clock.now()), principal.name);
    this.replayed.inc(rows.length);
  }
}

function filterOf(principal: Principal, wanted: ReplayDeadLetters): LetterFilter {
  const { stage, reason, device, from, to } = wanted;
  return {
    tenantKey: tenantScope(principal),
    stage,
    reason,
    deviceId: device === undefined ? undefined : canonicalDeviceId(device),
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}

function viewOf(row: LetterRow): DeadLetterView {
  return {
    id: row.key,
    stage: row.stage,
    reason: row.reason,
    detail: row.detail,
    device: row.deviceId,
    messageId: row.messageId || null,
    at: row.at.toISOString(),
    replayable: row.stream !== '' && row.replayedAt === null,
    replayedAt: row.replayedAt?.toISOString() ?? null,
    replayedBy: row.replayedBy,
    bytes: row.originalBytes,
  };
}

/** The device's message in a letter that replays into `raw`. */
function messageIn(stream: string, original: Uint8Array): RawMessage | undefined {
  if (stream !== streams.raw) return undefined;
  try {
    return decodeRawMessages(original)[0];
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}

function contentOf(bytes: Buffer): ContentView {
  return {
    bytes: bytes.length,
    hex: bytes.toString('hex'),
    base64: bytes.toString('base64'),
    text: isUtf8(bytes) && !bytes.includes(0) ? bytes.toString().slice(0, shownCharacters) : null,
  };
}
