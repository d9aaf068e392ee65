import type { DuckDBConnection } from '@duckdb/node-api';
import { decodeNormalisedMessages, type NormalisedMessage } from '#libs/contracts';
import type { StoredBatch, StoredUpTo } from '../telemetry-store.port.js';
import type { GroupWriter } from './group-writer.js';
import { placeOf } from './reading-rows.js';
import { highestCursors, laneAndPartition, readColumns, sourceOf } from './schema.js';
import type { AppendRequest, Cursor, DecodedBatch } from './store-protocol.js';
import { storeBusy } from './store-refusal.js';

/** Most requests that wait for the next commit; a caller beyond is told to come back. */
const maxWaiting = 4_096;
/** A commit takes requests until they have this many bytes. */
const maxGroupBytes = 2 * 1_048_576;
/** Commits of several callers begin this far apart, unless more than `gatherBytes` wait. */
const commitGapMs = 100;
const gatherBytes = 1_048_576;

const nothingYet: Cursor = { position: 0, passed: 0, messages: 0, rejected: 0, uncounted: false };

interface Waiting {
  request: AppendRequest;
  resolve: (stored: StoredBatch[]) => void;
  reject: (error: Error) => void;
}

/**
 * Group commit: whatever waits when a commit ends makes the next one. Entries at or below the position reached are left
 * out. When a group fails, its requests are tried one by one, so that only the one at fault is refused.
 */
export class GroupQueue {
  private readonly waiting: Waiting[] = [];
  private readonly tasks: (() => Promise<void>)[] = [];
  private working: Promise<void> | undefined;
  private committedAt = 0;
  private lastGroup = 0;
  private reached = new Map<number, Cursor>();

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly writer: GroupWriter,
  ) {}

  /** Reads the positions reached. */
  async load(): Promise<void> {
    const [sources = [], ...counts] = (await readColumns(this.connection, highestCursors)) as number[][];
    const [positions, passed, messages, rejected] = counts;
    this.reached = new Map(
      sources.map((source, row) => [
        source,
        {
          position: positions?.[row] ?? 0,
          passed: passed?.[row] ?? 0,
          messages: messages?.[row] ?? 0,
          rejected: rejected?.[row] ?? 0,
          uncounted: (messages?.[row] ?? null) === null,
        },
      ]),
    );
  }

  /** How far each source is stored. This store refuses nothing. */
  positions(): StoredUpTo[] {
    return [...this.reached].map(([source, { uncounted, ...cursor }]) => ({
      ...laneAndPartition(source),
      ...cursor,
      refused: 0,
      ...(uncounted ? { uncounted } : {}),
    }));
  }

  /** Durable when it resolves. */
  append(request: AppendRequest): Promise<StoredBatch[]> {
    if (this.waiting.length >= maxWaiting) return Promise.reject(storeBusy());
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      this.working ??= this.work();
    });
  }

  /** Resolves when nothing waits. */
  async drain(): Promise<void> {
    await this.working;
  }

  /** Runs `task` between two commits. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.tasks.push(() => task().then(resolve, reject));
      this.working ??= this.work();
    });
  }

  /** Replaces the positions' history by the positions. Between two commits, from `exclusive`. */
  async trimCursors(): Promise<void> {
    this.writer.releaseCursors();
    await this.connection.run(`CREATE OR REPLACE TABLE cursors AS ${highestCursors}`);
  }

  /** Forgets the positions reached. */
  clear(): void {
    this.reached.clear();
  }

  private async work(): Promise<void> {
    // The requests of one turn of the loop come together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length + this.tasks.length > 0) {
      await this.gather();
      const task = this.tasks.shift();
      if (task) await task();
      const group = this.take();
      if (group.length === 0) continue;
      this.lastGroup = group.length;
      try {
        const stored = await this.commit(group);
        for (const [index, { resolve }] of group.entries()) resolve(stored[index] ?? []);
      } catch (error) {
        if (group.length === 1 || isFatal(error)) for (const { reject } of group) reject(error as Error);
        else await this.commitOneByOne(group);
      }
    }
    this.working = undefined;
  }

  /** Small commits cost as much as large ones: where several callers are at work, more comes together in a moment. */
  private async gather(): Promise<void> {
    const bytes = this.waiting.reduce((sum, { request }) => sum + request.data.byteLength, 0);
    const restMs = this.committedAt + commitGapMs - performance.now();
    const worthIt = this.lastGroup > 1 && bytes < gatherBytes && this.tasks.length === 0;
    if (worthIt && restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    this.committedAt = performance.now();
  }

  private take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && (count === 0 || bytes < maxGroupBytes)) {
      bytes += this.waiting[count]?.request.data.byteLength ?? 0;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async commit(group: readonly Waiting[]): Promise<StoredBatch[][]> {
    const reached = new Map(this.reached);
    const batches: DecodedBatch[] = [];
    const stored: StoredBatch[][] = [];
    let now = 0;
    for (const { request } of group) {
      now = Math.max(now, request.now);
      const brought: StoredBatch[] = [];
      stored.push(brought);
      for (const { lane, partition, position, messagesBefore, offset, bytes } of request.batches) {
        const source = sourceOf(lane, partition);
        const before = reached.get(source) ?? nothingYet;
        if (position <= before.position) {
          brought.push({ messages: 0, readings: 0, oldestReceivedAt: 0 });
          continue;
        }
        const messages = decodeNormalisedMessages(request.data.subarray(offset, offset + bytes));
        // Everything before the first entry after an upgrade is stored: the stream has counted it.
        const known = before.uncounted ? messagesBefore : before.messages;
        const cursor = {
          position,
          passed: messagesBefore + messages.length,
          messages: known + messages.length,
          uncounted: false,
          rejected: before.rejected + messages.reduce((sum, { outcome }) => sum + (outcome === 'rejected' ? 1 : 0), 0),
        };
        reached.set(source, cursor);
        batches.push({ source, cursor, messages, places: messages.map((m) => placeOf(m.messageId)) });
        brought.push(measure(messages));
      }
    }
    await this.writer.write(batches, now);
    this.reached = reached;
    return stored;
  }

  private async commitOneByOne(group: readonly Waiting[]): Promise<void> {
    // What follows a refused entry in its partition must not be stored before it: it would be taken for stored.
    const refused = new Set<number>();
    for (const { request, resolve, reject } of group) {
      const sources = request.batches.map((b) => sourceOf(b.lane, b.partition));
      try {
        if (sources.some((source) => refused.has(source))) throw storeBusy();
        const [stored] = await this.commit([{ request, resolve, reject }]);
        resolve(stored ?? []);
      } catch (error) {
        for (const source of sources) refused.add(source);
        reject(error as Error);
      }
    }
  }
}

/** True where DuckDB has given up on the database until it is opened again. */
export function isFatal(error: unknown): boolean {
  return /has been invalidated|FATAL Error/i.test((error as Error).message);
}

/** True where the machine is at fault (a full disk, a failed write, no memory), not what was to be stored. */
export function isEngineTrouble(error: unknown): boolean {
  return (
    isFatal(error) ||
    /^(?:IO|Out of Memory|TransactionContext|Transaction|Connection) Error/i.test((error as Error).message)
  );
}

/** What a batch brings. */
function measure(messages: readonly NormalisedMessage[]): StoredBatch {
  let readings = 0;
  let oldestReceivedAt = messages[0]?.receivedAt ?? 0;
  for (const message of messages) {
    oldestReceivedAt = Math.min(oldestReceivedAt, message.receivedAt);
    for (const report of message.reports) readings += report.readings.length;
  }
  return { messages: messages.length, readings, oldestReceivedAt };
}
