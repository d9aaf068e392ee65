import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type Lane, rowsIn } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import { StreamUnavailableError } from '../stream.errors.js';
import type { Append } from '../stream.port.js';
import type { Argument } from './connection.js';
import { fieldOf, type Keys, noticeOf } from './keys.js';
import { appendScript } from './scripts.js';
import type { WritingConnections } from './writing-connections.js';

interface Pending {
  appends: readonly Append[];
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

interface Line {
  partition: number;
  queue: Pending[];
  sequence: number;
  running: Promise<void> | undefined;
}

const maxBatchBytes = 4 * 2 ** 20;
const maxBatchEntries = 1_000;
const maxQueuedBytes = 256 * 2 ** 20;
/** How long a producer is remembered: longer than any process keeps sending the same append again. */
const rememberedSeconds = 86_400;

/**
 * Appends: one line per partition, one script under way in each, and what queues meanwhile is the next. A script that was
 * not answered is sent again with the same sequence until it is: Redis remembers the last sequence of each producer, so
 * it is kept once.
 */
export class Appender {
  private readonly producer = randomUUID();
  private readonly lines = new Map<number, Line>();
  private readonly stopping = new AbortController();
  private queuedBytes = 0;

  constructor(
    private readonly connections: Pick<WritingConnections, 'of'>,
    private readonly keys: Keys,
    private readonly clock: Clock,
  ) {
    // Every partition may wait on it at once: that many listeners are no leak.
    setMaxListeners(0, this.stopping.signal);
  }

  /**
   * Resolves once durable; a Redis without room is waited for, as some partitions may have kept their part. Rejects with
   * `StreamUnavailableError` where too much waits (nothing is kept) or the log stops.
   */
  async append(appends: readonly Append[]): Promise<void> {
    const bytes = appends.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (this.queuedBytes > 0 && this.queuedBytes + bytes > maxQueuedBytes) {
      throw new StreamUnavailableError(`more than ${maxQueuedBytes} bytes wait for Redis`);
    }
    const byPartition = new Map<number, Append[]>();
    for (const append of appends) {
      const found = byPartition.get(append.partition);
      if (found) found.push(append);
      else byPartition.set(append.partition, [append]);
    }
    const parts = await Promise.allSettled([...byPartition].map(([partition, part]) => this.enqueue(partition, part)));
    const failed = parts.find((part) => part.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Waits for what was handed over, at most `timeoutMs`; then gives it up. */
  async stop(timeoutMs: number): Promise<void> {
    const impatient = setTimeout(() => this.stopping.abort(), timeoutMs);
    while (this.queuedBytes > 0) await Promise.all([...this.lines.values()].map(({ running }) => running));
    clearTimeout(impatient);
    this.stopping.abort();
  }

  private enqueue(partition: number, appends: readonly Append[]): Promise<void> {
    let line = this.lines.get(partition);
    if (!line) {
      line = { partition, queue: [], sequence: 0, running: undefined };
      this.lines.set(partition, line);
    }
    const waiting = line;
    // An entry has at least its place in the queue.
    const bytes = appends.reduce((sum, { data }) => sum + data.byteLength + 1, 0);
    this.queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      waiting.queue.push({ appends, bytes, resolve, reject });
      waiting.running ??= this.run(waiting);
    });
  }

  private async run(line: Line): Promise<void> {
    // Whoever appends in this turn of the event loop shares the first script.
    await new Promise((resolve) => setImmediate(resolve));
    while (line.queue.length > 0) {
      const batch = takeBatch(line.queue);
      try {
        await this.send(line, batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error as Error);
      }
      for (const { bytes } of batch) this.queuedBytes -= bytes;
    }
    line.running = undefined;
  }

  private async send(line: Line, batch: readonly Pending[]): Promise<void> {
    line.sequence++;
    const { partition } = line;
    const keys = [this.keys.producer(this.producer, partition), this.keys.tails(partition)];
    const args: Argument[] = [line.sequence, rememberedSeconds, this.clock.now()];
    addPlaces(
      this.keys,
      partition,
      batch.flatMap(({ appends }) => appends),
      keys,
      args,
    );
    await this.connections.of(partition).endure(appendScript, keys, args, this.stopping.signal);
  }
}

/** Adds the streams of one partition's appends to a script's keys, and their entries to its arguments. */
export function addPlaces(
  names: Keys,
  partition: number,
  appends: readonly Append[],
  keys: string[],
  args: Argument[],
): void {
  const places = new Map<string, { stream: string; lane: Lane; entries: Buffer[] }>();
  for (const { stream, lane, data } of appends) {
    const field = fieldOf(stream, lane);
    const entry = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const found = places.get(field);
    if (found) found.entries.push(entry);
    else places.set(field, { stream, lane, entries: [entry] });
  }
  for (const [field, { stream, lane, entries }] of places) {
    keys.push(names.entries({ stream, lane, partition }));
    const counted = entries.flatMap((entry): Argument[] => [rowsIn(entry), entry]);
    args.push(field, names.appended(stream), noticeOf(lane, partition), entries.length, ...counted);
  }
}

function takeBatch(queue: Pending[]): Pending[] {
  let bytes = 0;
  let entries = 0;
  let count = 0;
  for (const pending of queue) {
    if (count > 0 && (bytes + pending.bytes > maxBatchBytes || entries + pending.appends.length > maxBatchEntries))
      break;
    bytes += pending.bytes;
    entries += pending.appends.length;
    count++;
  }
  return queue.splice(0, count);
}
