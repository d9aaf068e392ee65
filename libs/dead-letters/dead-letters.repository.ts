import { Inject, Injectable } from '@nestjs/common';
import { and, asc, desc, eq, gte, inArray, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm';
import { validate as isUuid } from 'uuid';
import { type DeadLetter, type Lane } from '#libs/contracts';
import { DATABASE, type Database, deadLetterCounts, deadLetters, devices, type Transaction } from '#libs/registry-db';

/** Where the entry that carried a letter was read: the lane and partition of its device. */
export interface LetterPlace {
  lane: Lane;
  partition: number;
}

/** What a list or a replay is limited to; what is undefined does not limit. */
export interface LetterFilter {
  tenantKey?: string;
  stage?: string;
  reason?: string;
  /** Canonical id. */
  deviceId?: string;
  replayed?: boolean;
  from?: Date;
  to?: Date;
}

/** A letter as listed, without its original. */
export type LetterRow = Omit<typeof deadLetters.$inferSelect, 'original' | 'letterId'> & { deviceId: string | null };

/** How often one stage refused something for one reason. */
export interface DiscardCount {
  stage: string;
  reason: string;
  letters: number;
  replayed: number;
  lastAt: Date;
}

/** How much is kept. */
export interface Bounds {
  maxLetters: number;
  maxBytes: number;
  oldest: Date;
}

const longestDetail = 1_000;
const rowsPerInsert = 500;

/** The table of dead letters and their counts. */
@Injectable()
export class DeadLettersRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Keeps letters and counts those that are new; returns how many were. */
  async project(letters: readonly DeadLetter[], place: LetterPlace): Promise<number> {
    let added = 0;
    for (let at = 0; at < letters.length; at += rowsPerInsert) {
      const rows = letters.slice(at, at + rowsPerInsert).map((letter) => rowOf(letter, place));
      added += await this.database.transaction((transaction) => insertAndCount(transaction, rows));
    }
    return added;
  }

  /** Drops what the bounds no longer keep; returns how many letters went. */
  async prune(bounds: Bounds): Promise<number> {
    const ranked = this.database
      .select({
        key: deadLetters.key,
        place: sql<number>`row_number() over (order by ${deadLetters.key} desc)`.as('place'),
        bytes: sql<number>`sum(${deadLetters.originalBytes}) over (order by ${deadLetters.key} desc)`.as('bytes'),
      })
      .from(deadLetters)
      .as('ranked');
    const [cut] = await this.database
      .select({ key: ranked.key })
      .from(ranked)
      .where(or(sql`${ranked.place} > ${bounds.maxLetters}`, sql`${ranked.bytes} > ${bounds.maxBytes}`))
      .orderBy(desc(ranked.key))
      .limit(1);
    const tooMuch = cut ? sql`${deadLetters.key} <= ${cut.key}` : undefined;
    const gone = await this.database
      .delete(deadLetters)
      .where(or(lt(deadLetters.at, bounds.oldest), tooMuch))
      .returning({ key: deadLetters.key });
    return gone.length;
  }

  /** Letters in the order of their projection, the newest first. */
  list(filter: LetterFilter, after: string | undefined, limit: number): Promise<LetterRow[]> {
    return this.database
      .select(listed)
      .from(deadLetters)
      .leftJoin(devices, eq(devices.key, deadLetters.deviceKey))
      .where(and(...conditionsOf(filter), after === undefined ? undefined : lt(deadLetters.key, after)))
      .orderBy(desc(deadLetters.key))
      .limit(limit);
  }

  async get(key: string, tenantKey: string | undefined): Promise<(LetterRow & { original: Buffer }) | undefined> {
    if (!isUuid(key)) return undefined;
    const [row] = await this.database
      .select({ ...listed, original: deadLetters.original })
      .from(deadLetters)
      .leftJoin(devices, eq(devices.key, deadLetters.deviceKey))
      .where(and(eq(deadLetters.key, key), ...conditionsOf({ tenantKey })));
    return row;
  }

  /** Letters that can be replayed and have not been, with their originals, the oldest first. */
  replayable(filter: LetterFilter, after: string | undefined, limit: number) {
    return this.database
      .select({ ...listed, original: deadLetters.original })
      .from(deadLetters)
      .leftJoin(devices, eq(devices.key, deadLetters.deviceKey))
      .where(
        and(
          ...conditionsOf({ ...filter, replayed: false }),
          ne(deadLetters.stream, ''),
          after === undefined ? undefined : sql`${deadLetters.key} > ${after}`,
        ),
      )
      .orderBy(asc(deadLetters.key))
      .limit(limit);
  }

  /** Notes that letters have been replayed. */
  async markReplayed(letters: readonly LetterRow[], at: Date, by: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const marked = await transaction
        .update(deadLetters)
        .set({ replayedAt: at, replayedBy: by })
        .where(
          and(
            inArray(
              deadLetters.key,
              letters.map((letter) => letter.key),
            ),
            isNull(deadLetters.replayedAt),
          ),
        )
        .returning({ tenantKey: deadLetters.tenantKey, stage: deadLetters.stage, reason: deadLetters.reason });
      for (const { tenantKey, stage, reason, count } of countsOf(marked)) {
        await transaction
          .update(deadLetterCounts)
          .set({ replayed: sql`${deadLetterCounts.replayed} + ${count}` })
          .where(
            and(
              eq(deadLetterCounts.tenantKey, tenantKey),
              eq(deadLetterCounts.stage, stage),
              eq(deadLetterCounts.reason, reason),
            ),
          );
      }
    });
  }

  /** Counts by stage and reason, of one tenant or of all. */
  async counts(tenantKey: string | undefined): Promise<DiscardCount[]> {
    return await this.database
      .select({
        stage: deadLetterCounts.stage,
        reason: deadLetterCounts.reason,
        letters: sql<number>`sum(${deadLetterCounts.letters})`.mapWith(Number),
        replayed: sql<number>`sum(${deadLetterCounts.replayed})`.mapWith(Number),
        lastAt: sql<Date>`max(${deadLetterCounts.lastAt})`.mapWith(deadLetterCounts.lastAt),
      })
      .from(deadLetterCounts)
      .where(tenantKey === undefined ? undefined : eq(deadLetterCounts.tenantKey, tenantKey))
      .groupBy(deadLetterCounts.stage, deadLetterCounts.reason)
      .orderBy(asc(deadLetterCounts.stage), asc(deadLetterCounts.reason));
  }
}

const listed = {
  key: deadLetters.key,
  stage: deadLetters.stage,
  reason: deadLetters.reason,
  detail: deadLetters.detail,
  stream: deadLetters.stream,
  lane: deadLetters.lane,
  partition: deadLetters.partition,
  tenantKey: deadLetters.tenantKey,
  deviceKey: deadLetters.deviceKey,
  deviceId: devices.id,
  messageId: deadLetters.messageId,
  at: deadLetters.at,
  originalBytes: deadLetters.originalBytes,
  replayedAt: deadLetters.replayedAt,
  replayedBy: deadLetters.replayedBy,
};

type NewLetter = typeof deadLetters.$inferInsert;

function rowOf(letter: DeadLetter, place: LetterPlace): NewLetter {
  return {
    letterId: withoutNul(letter.id),
    stage: withoutNul(letter.stage),
    reason: withoutNul(letter.reason),
    detail: withoutNul(letter.detail).slice(0, longestDetail),
    stream: letter.stream,
    lane: place.lane,
    partition: place.partition,
    tenantKey: isUuid(letter.tenantKey) ? letter.tenantKey : null,
    deviceKey: isUuid(letter.deviceKey) ? letter.deviceKey : null,
    messageId: withoutNul(letter.messageId),
    at: new Date(letter.at),
    // A copy: what the log handed out is valid until the next await only.
    original: Buffer.from(letter.original),
    originalBytes: letter.original.byteLength,
  };
}

/** PostgreSQL's text cannot hold NUL. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}

async function insertAndCount(transaction: Transaction, rows: NewLetter[]): Promise<number> {
  const added = await transaction
    .insert(deadLetters)
    .values(rows)
    .onConflictDoNothing({ target: deadLetters.letterId })
    .returning({
      tenantKey: deadLetters.tenantKey,
      stage: deadLetters.stage,
      reason: deadLetters.reason,
      at: deadLetters.at,
    });
  const counts = countsOf(added);
  if (counts.length === 0) return 0;
  await transaction
    .insert(deadLetterCounts)
    .values(
      counts.map(({ tenantKey, stage, reason, count, lastAt }) => ({
        tenantKey,
        stage,
        reason,
        letters: count,
        lastAt,
      })),
    )
    .onConflictDoUpdate({
      target: [deadLetterCounts.tenantKey, deadLetterCounts.stage, deadLetterCounts.reason],
      set: {
        letters: sql`${deadLetterCounts.letters} + excluded.letters`,
        lastAt: sql`greatest(${deadLetterCounts.lastAt}, excluded.last_at)`,
      },
    });
  return added.length;
}

interface Counted {
  tenantKey: string;
  stage: string;
  reason: string;
  count: number;
  lastAt: Date;
}

/** In one order always, so that two transactions never wait for each other. */
function countsOf(rows: readonly { tenantKey: string | null; stage: string; reason: string; at?: Date }[]): Counted[] {
  const found = new Map<string, Counted>();
  for (const { tenantKey, stage, reason, at } of rows) {
    const key = JSON.stringify([tenantKey ?? '', stage, reason]);
    const lastAt = at ?? new Date(0);
    const known = found.get(key);
    if (!known) found.set(key, { tenantKey: tenantKey ?? '', stage, reason, count: 1, lastAt });
    else {
      known.count++;
      if (lastAt > known.lastAt) known.lastAt = lastAt;
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted);
}

function conditionsOf(filter: LetterFilter): (SQL | undefined)[] {
  const { tenantKey, stage, reason, deviceId, replayed, from, to } = filter;
  return [
    tenantKey === undefined ? undefined : eq(deadLetters.tenantKey, tenantKey),
    stage === undefined ? undefined : eq(deadLetters.stage, stage),
    reason === undefined ? undefined : eq(deadLetters.reason, reason),
    deviceId === undefined ? undefined : eq(devices.id, deviceId),
    replayed === undefined
      ? undefined
      : replayed
        ? sql`${deadLetters.replayedAt} is not null`
        : isNull(deadLetters.replayedAt),
    from === undefined ? undefined : gte(deadLetters.at, from),
    to === undefined ? undefined : lt(deadLetters.at, to),
  ];
}
