import { decodeNormalisedMessages, type NormalisedMessage } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import { storeBusy } from '../telemetry-store.errors.js';
import type { RefusedMessage, StoreBatch, StoredBatch, StoredUpTo } from '../telemetry-store.port.js';
import type { PointWriter } from './point-writer.js';
import { MessageLines, refusedMessage } from './reading-lines.js';
import { sourceKey } from './schema.js';
import type { StoreBooks } from './store-books.js';

/** Most calls that wait for the next group; a caller beyond is told to come back. */
const maxWaiting = 4_096;
/** A group takes calls until their entries have this many bytes. */
const maxGroupBytes = 1_048_576;

interface DecodedBatch extends Omit<StoreBatch, 'data'> {
  messages: NormalisedMessage[];
}

interface Waiting {
  batches: DecodedBatch[];
  bytes: number;
  resolve: (stored: StoredBatch[]) => void;
  reject: (error: Error) => void;
}

/**
 * Group commit: what waits while a group is written makes the next one. First the points, then the positions reached; what
 * comes between the two is written again as the same points. Entries at or below the position reached are left out.
 */
export class GroupCommit {
  private readonly waiting: Waiting[] = [];
  private working: Promise<void> | undefined;

  constructor(
    private readonly writer: PointWriter,
    private readonly books: StoreBooks,
    private readonly clock: Clock,
  ) {}

  /** Durable when it resolves. Throws `ContractError` where a batch cannot be read. */
  async append(batches: readonly StoreBatch[]): Promise<StoredBatch[]> {
    if (this.waiting.length >= maxWaiting) throw storeBusy();
    const decoded = batches.map(({ data, ...batch }) => ({
      ...batch,
      // Frames are views into the entry, which the caller may reuse once another turn has begun.
      messages: decodeNormalisedMessages(Uint8Array.from(data)),
    }));
    const bytes = batches.reduce((sum, { data }) => sum + data.byteLength, 0);
    return new Promise((resolve, reject) => {
      this.waiting.push({ batches: decoded, bytes, resolve, reject });
      this.working ??= this.work();
    });
  }

  /** Resolves when nothing waits. */
  async drain(): Promise<void> {
    await this.working;
  }

  private async work(): Promise<void> {
    // The calls of one turn of the loop come together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const group = this.take();
      try {
        const stored = await this.commit(group);
        for (const [index, { resolve }] of group.entries()) resolve(stored[index] ?? []);
      } catch (error) {
        for (const { reject } of group) reject(error as Error);
      }
    }
    this.working = undefined;
  }

  private take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && (count === 0 || bytes < maxGroupBytes)) {
      bytes += this.waiting[count]?.bytes ?? 0;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async commit(group: readonly Waiting[]): Promise<StoredBatch[][]> {
    const waiting = group.flatMap(({ batches }) => batches);
    const known = await this.books.reached(firstOfEach(waiting));
    const books = new Map<string, StoredUpTo>();
    const { admission } = this.books;
    await this.books.learn(this.clock.now());
    const lines = new MessageLines(this.clock.now(), (deviceKey, metric) => admission.admit(deviceKey, metric));
    const owners = new Map<NormalisedMessage, BatchBeingStored>();
    const stored = group.map(({ batches }) =>
      batches.map((batch) => {
        const { messages } = batch;
        const source = sourceKey(batch.lane, batch.partition);
        const before = books.get(source) ?? known.get(source);
        const book = before && batch.position <= before.position ? undefined : bookAfter(before, batch);
        const result: BatchBeingStored = { messages: 0, readings: 0, oldestReceivedAt: 0, refused: [], source };
        if (!book) return result;
        books.set(source, book);
        for (const message of messages) {
          owners.set(message, result);
          lines.add(message);
        }
        return Object.assign(result, measure(messages));
      }),
    );
    if (books.size === 0) return stored;
    const refused = await this.writer.write(lines.points);
    for (const { point, detail } of [...lines.refused, ...refused]) {
      const owner = owners.get(point.message);
      if (!owner) continue;
      owner.readings -= point.readings.length;
      if (!point.report) {
        owner.messages -= 1;
        const book = books.get(owner.source) as StoredUpTo;
        book.messages -= 1;
        book.refused += 1;
        if (point.message.outcome === 'rejected') book.rejected -= 1;
      }
      owner.refused.push(refusedMessage(point, detail));
    }
    await this.books.enter([...books.values()], lines, this.clock.now());
    return stored;
  }
}

interface BatchBeingStored extends StoredBatch {
  refused: RefusedMessage[];
  source: string;
}

/** Of each source, how many messages there were before the first of its batches. */
function firstOfEach(batches: readonly DecodedBatch[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const { lane, partition, messagesBefore } of batches) {
    const source = sourceKey(lane, partition);
    if (!first.has(source)) first.set(source, messagesBefore);
  }
  return first;
}

/** The book of a source with a batch more, as far as the store takes all of it. */
function bookAfter(before: StoredUpTo | undefined, batch: DecodedBatch): StoredUpTo {
  const { lane, partition, position, messagesBefore, messages } = batch;
  // Everything before the first entry after an upgrade is stored: the stream has counted it.
  const known = before?.uncounted ? messagesBefore : (before?.messages ?? 0);
  return {
    lane,
    partition,
    position,
    passed: messagesBefore + messages.length,
    messages: known + messages.length,
    rejected: (before?.rejected ?? 0) + messages.filter(({ outcome }) => outcome === 'rejected').length,
    refused: before?.refused ?? 0,
  };
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
