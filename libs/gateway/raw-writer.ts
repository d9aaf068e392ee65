import type { DeadLetter, RawMessage } from '#libs/contracts';
import { type Clock, type Logger, sleep } from '#libs/runtime';
import { type StreamLog, StreamUnavailableError } from '#libs/stream';
import { entriesOf, type Filed, type Place, slotOf } from './raw-entries.js';

/** Called when what was handed over is durable, or with the error that made it impossible. */
export type Written = (error?: Error | null) => void;

/** How much the writer takes on, and what it tells of itself. */
export interface RawWriterOptions {
  maxInFlight: number;
  maxInFlightBytes: number;
  /** Messages in one commit. */
  maxCommitMessages: number;
  /** Called once per commit with its messages, before they are acknowledged. */
  onCommit: (messages: readonly Pending[]) => void;
  /** Called when an append failed; a failure that is not retryable ends the writer. */
  onFailure: (error: Error, retryable: boolean) => void;
}

/** What is acknowledged together, on its way to the stream. */
export interface Pending extends Filed {
  readonly qos: number;
  readonly bytes: number;
  readonly written: Written;
}

/** What waits for a place that takes nothing just now, and who waits to bring more. */
interface Parked {
  readonly queue: Pending[];
  readonly waiters: (() => void)[];
}

const acknowledgementsPerTurn = 256;
const firstBackOffMs = 50;
const longestBackOffMs = 5_000;
const none: readonly RawMessage[] = [];

/**
 * The one way from devices into the streams: a first-in first-out group committer. While a commit is under way messages
 * gather; then they are grouped by lane and partition and appended together, and their callbacks are called in the
 * order in which the messages came. The event loop is given back after every few callbacks.
 *
 * Where the stream refuses some places only, what is for them is parked, a queue for each, and tried again by itself: the
 * others do not wait. What comes later for a parked place goes behind it, so that its order holds.
 */
export class RawWriter {
  private queue: Pending[] = [];
  private readonly acknowledging: Pending[] = [];
  private acknowledged = 0;
  private committing: Promise<void> | undefined;
  private turning = false;
  private waiters: (() => void)[] = [];
  private readonly parked = new Map<number, Parked>();
  private parkedMessages = 0;
  private parkedBytes = 0;
  private failure: Error | undefined;
  private readonly stopped = new AbortController();
  /** True while an append keeps failing and is tried again. */
  unavailable = false;
  /** Messages handed over and not yet called back. */
  inFlight = 0;
  inFlightBytes = 0;

  constructor(
    private readonly stream: StreamLog,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly options: RawWriterOptions,
  ) {}

  /**
   * True while nobody should bring more for that place: it takes nothing, or so much waits. Devices of the urgent lane may
   * go to twice the limits.
   */
  isFull(place: Place): boolean {
    return this.parked.has(slotOf(place)) || !this.hasRoom(place.lane === 'urgent' ? 2 : 1);
  }

  /** What ended the writer, undefined while it works. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Files a device's message; `written` is called once it is durable. */
  write(message: RawMessage, place: Place, qos: number, written: Written): void {
    this.writeAll([message], place, qos, written);
  }

  /** Files messages of one place together; `written` is called once, when all are durable. */
  writeAll(messages: readonly RawMessage[], place: Place, qos: number, written: Written): void {
    let bytes = 0;
    for (const message of messages) bytes += message.payload.byteLength;
    this.enqueue({ place, messages, letter: undefined, qos, bytes, written });
  }

  /** Files something refused; `written` is called once that is durable. */
  refuse(letter: DeadLetter, place: Place, written: Written): void {
    this.enqueue({ place, messages: none, letter, qos: 0, bytes: letter.original.byteLength, written });
  }

  /** Calls `written` after everything handed over before for that place, without writing anything. */
  queueBehind(place: Place, written: Written): void {
    this.enqueue({ place, messages: none, letter: undefined, qos: 0, bytes: 0, written });
  }

  /** Calls `listener` once there may be room again for that place. */
  whenRoom(place: Place, listener: () => void): void {
    const { waiters } = this.parked.get(slotOf(place)) ?? { waiters: this.waiters };
    waiters.push(listener);
  }

  /** Resolves when everything handed over so far has been called back. Gives up on a stream that stays unavailable. */
  async drain(timeoutMs: number): Promise<void> {
    const cancel = this.clock.after(timeoutMs, () => this.stopped.abort());
    while (this.inFlight > 0 && !this.stopped.signal.aborted && !this.failure) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    cancel();
    this.stopped.abort();
  }

  private enqueue(pending: Pending): void {
    if (this.failure) {
      pending.written(this.failure);
      return;
    }
    this.inFlight += countOf(pending);
    this.inFlightBytes += pending.bytes;
    const parked = this.parked.get(slotOf(pending.place));
    if (parked) {
      this.park(parked, pending);
      return;
    }
    this.queue.push(pending);
    if (!this.committing && !this.turning) {
      this.turning = true;
      // The rest of what the sockets hold right now joins the first commit.
      setImmediate(this.begin);
    }
  }

  private readonly begin = (): void => {
    this.turning = false;
    if (this.queue.length > 0 && !this.committing) this.committing = this.commitAll();
  };

  private async commitAll(): Promise<void> {
    try {
      while (this.queue.length > 0) {
        const batch = await this.appendWithRetries(this.takeBatch());
        if (!batch) return;
        this.acknowledge(batch);
      }
    } finally {
      this.committing = undefined;
    }
  }

  /** About `maxCommitMessages`: what is acknowledged together is not taken apart. */
  private takeBatch(): Pending[] {
    const count = this.batchIn(this.queue);
    if (count < this.queue.length) return this.queue.splice(0, count);
    const batch = this.queue;
    this.queue = [];
    return batch;
  }

  private batchIn(queue: readonly Pending[]): number {
    let messages = 0;
    let count = 0;
    while (count < queue.length && messages < this.options.maxCommitMessages) {
      messages += countOf(queue[count] as Pending);
      count++;
    }
    return count;
  }

  /**
   * What of the batch is durable: all that has not been parked. Retries for as long as the stream may come back; undefined
   * when it will not.
   */
  private async appendWithRetries(batch: readonly Pending[]): Promise<readonly Pending[] | undefined> {
    let left = batch;
    for (let backOffMs = firstBackOffMs; ; backOffMs = Math.min(backOffMs * 2, longestBackOffMs)) {
      const error = await this.append(left);
      if (!error) {
        this.unavailable = false;
        return left;
      }
      if (this.failure) return undefined;
      const rest = this.setAside(left, error);
      if (rest.length < left.length) {
        left = rest;
        continue;
      }
      this.unavailable = true;
      this.logger.warn({ err: error, backOffMs }, 'stream does not take messages: devices wait unacknowledged');
      await sleep(this.clock, backOffMs, this.stopped.signal);
    }
  }

  /** Why the batch is not durable; undefined where it is. Ends the writer where the stream will not come back. */
  private async append(batch: readonly Pending[]): Promise<Error | undefined> {
    const entries = entriesOf(batch);
    try {
      if (entries.length > 0) await this.stream.append(entries);
      return undefined;
    } catch (thrown) {
      const error = thrown as Error;
      const retryable = isRetryable(error);
      this.options.onFailure(error, retryable);
      if (!retryable || this.stopped.signal.aborted || this.failure) this.fail(error, batch);
      return error;
    }
  }

  /** Parks what is for the places that were refused, also what has queued behind; gives what is left of the batch. */
  private setAside(batch: readonly Pending[], error: Error): readonly Pending[] {
    const refused = new Set(error instanceof StreamUnavailableError ? error.places.map(slotOf) : []);
    const isRefused = ({ place }: Pending) => refused.has(slotOf(place));
    const rest = batch.filter((pending) => !isRefused(pending));
    if (rest.length === batch.length) return batch;
    for (const pending of [...batch, ...this.queue].filter(isRefused)) this.park(this.parkedAt(pending.place), pending);
    this.queue = this.queue.filter((pending) => !isRefused(pending));
    this.logger.warn({ err: error }, 'stream does not take messages of some places: their devices wait unacknowledged');
    return rest;
  }

  private parkedAt(place: Place): Parked {
    const slot = slotOf(place);
    const found = this.parked.get(slot);
    if (found) return found;
    const parked = { queue: [], waiters: [] };
    this.parked.set(slot, parked);
    void this.empty(slot, parked);
    return parked;
  }

  private park({ queue }: Parked, pending: Pending): void {
    queue.push(pending);
    this.parkedMessages += countOf(pending);
    this.parkedBytes += pending.bytes;
  }

  /** Tries what is parked for a place until all of it is durable; then the place is like every other again. */
  private async empty(slot: number, { queue, waiters }: Parked): Promise<void> {
    let backOffMs = firstBackOffMs;
    do {
      await sleep(this.clock, backOffMs, this.stopped.signal);
      const batch = queue.splice(0, this.batchIn(queue));
      const error = await this.append(batch);
      if (error && this.failure) return;
      if (error) {
        queue.unshift(...batch);
        backOffMs = Math.min(backOffMs * 2, longestBackOffMs);
        continue;
      }
      backOffMs = firstBackOffMs;
      for (const pending of batch) {
        this.parkedMessages -= countOf(pending);
        this.parkedBytes -= pending.bytes;
      }
      this.acknowledge(batch);
    } while (queue.length > 0);
    this.parked.delete(slot);
    this.waiters.push(...waiters);
    if (this.hasRoom(1)) this.wake();
  }

  private acknowledge(batch: readonly Pending[]): void {
    this.options.onCommit(batch);
    const idle = this.acknowledging.length === 0;
    for (const pending of batch) this.acknowledging.push(pending);
    // Not at once: first the next commit is given to the disk.
    if (idle) setImmediate(this.acknowledgeSome);
  }

  private readonly acknowledgeSome = (): void => {
    const queue = this.acknowledging;
    const end = Math.min(this.acknowledged + acknowledgementsPerTurn, queue.length);
    for (; this.acknowledged < end; this.acknowledged++) {
      const pending = queue[this.acknowledged] as Pending;
      this.inFlight -= countOf(pending);
      this.inFlightBytes -= pending.bytes;
      pending.written(null);
    }
    if (this.acknowledged < queue.length) setImmediate(this.acknowledgeSome);
    else {
      queue.length = 0;
      this.acknowledged = 0;
    }
    if (this.waiters.length > 0 && this.hasRoom(1)) this.wake();
  };

  /** Whether `share` times the limits has room. What is parked counts only beyond the limits: it takes nobody else's room. */
  private hasRoom(share: number): boolean {
    const { maxInFlight, maxInFlightBytes } = this.options;
    return (
      this.inFlight - Math.min(this.parkedMessages, maxInFlight) < maxInFlight * share &&
      this.inFlightBytes - Math.min(this.parkedBytes, maxInFlightBytes) < maxInFlightBytes * share
    );
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const [index, waiter] of waiters.entries()) {
      if (!this.hasRoom(1)) {
        this.waiters = waiters.slice(index).concat(this.waiters);
        return;
      }
      waiter();
    }
  }

  private fail(error: Error, batch: readonly Pending[]): void {
    this.failure = error;
    const parked = [...this.parked.values()].flatMap(({ queue }) => queue.splice(0));
    const lost = [...batch, ...this.queue, ...parked];
    this.queue = [];
    for (const pending of lost) {
      this.inFlight -= countOf(pending);
      this.inFlightBytes -= pending.bytes;
      pending.written(error);
    }
    this.wake();
  }
}

/** How many messages it counts for; a mere turn takes the place of one. */
function countOf({ messages }: Pending): number {
  return messages.length || 1;
}

/** A stream that may come back says so itself: a full disk that is freed, a server that restarts. */
function isRetryable(error: unknown): boolean {
  return (error as { retryable?: unknown }).retryable === true;
}
