import {
  type DeadLetter,
  encodeDeadLetters,
  encodeRawMessages,
  type Lane,
  type RawMessage,
  streams,
} from '#libs/contracts';
import { type Clock, type Logger, sleep } from '#libs/runtime';
import type { Append, StreamLog } from '#libs/stream';

/** Called when what was handed over is durable, or with the error that made it impossible. */
export type Written = (error?: Error | null) => void;

/** Where the device's messages go, and what else the writer must know to file one. */
export interface Place {
  lane: Lane;
  partition: number;
}

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
export interface Pending {
  readonly place: Place;
  /** None for a dead letter, and for a mere turn in the queue, which writes nothing. */
  readonly messages: readonly RawMessage[];
  readonly letter: DeadLetter | undefined;
  readonly qos: number;
  readonly bytes: number;
  readonly written: Written;
}

const messagesPerEntry = 512;
const bytesPerEntry = 1_048_576;
const acknowledgementsPerTurn = 256;
const firstBackOffMs = 50;
const longestBackOffMs = 5_000;
const none: readonly RawMessage[] = [];
const nobody: Place = { lane: 'bulk', partition: 0 };

/**
 * The one way from devices into the streams: a first-in first-out group committer. While a commit is under way messages
 * gather; then they are grouped by lane and partition and appended together, and their callbacks are called in the
 * order in which the messages came. The event loop is given back after every few callbacks.
 */
export class RawWriter {
  private queue: Pending[] = [];
  private readonly acknowledging: Pending[] = [];
  private acknowledged = 0;
  private committing: Promise<void> | undefined;
  private turning = false;
  private waiters: (() => void)[] = [];
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

  /** True while so much waits that nobody should bring more; devices of the urgent lane may go to twice the limits. */
  isFull(urgent: boolean): boolean {
    const share = urgent ? 2 : 1;
    return (
      this.inFlight >= this.options.maxInFlight * share || this.inFlightBytes >= this.options.maxInFlightBytes * share
    );
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

  /** Calls `written` after everything handed over before, without writing anything. */
  queueBehind(written: Written): void {
    this.enqueue({ place: nobody, messages: none, letter: undefined, qos: 0, bytes: 0, written });
  }

  /** Calls `listener` once there is room again. */
  whenRoom(listener: () => void): void {
    this.waiters.push(listener);
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
        const batch = this.takeBatch();
        if (!(await this.appendWithRetries(batch))) return;
        this.options.onCommit(batch);
        this.acknowledge(batch);
      }
    } finally {
      this.committing = undefined;
    }
  }

  /** About `maxCommitMessages`: what is acknowledged together is not taken apart. */
  private takeBatch(): Pending[] {
    let messages = 0;
    let count = 0;
    while (count < this.queue.length && messages < this.options.maxCommitMessages) {
      messages += countOf(this.queue[count] as Pending);
      count++;
    }
    if (count < this.queue.length) return this.queue.splice(0, count);
    const batch = this.queue;
    this.queue = [];
    return batch;
  }

  /** True once durable. Retries for as long as the stream may come back; false when it will not. */
  private async appendWithRetries(batch: readonly Pending[]): Promise<boolean> {
    const entries = entriesOf(batch);
    if (entries.length === 0) return true;
    for (let backOffMs = firstBackOffMs; ; backOffMs = Math.min(backOffMs * 2, longestBackOffMs)) {
      try {
        await this.stream.append(entries);
        this.unavailable = false;
        return true;
      } catch (error) {
        const retryable = isRetryable(error);
        this.options.onFailure(error as Error, retryable);
        if (!retryable || this.stopped.signal.aborted) {
          this.fail(error as Error, batch);
          return false;
        }
        this.unavailable = true;
        this.logger.warn({ err: error, backOffMs }, 'stream does not take messages: devices wait unacknowledged');
        await sleep(this.clock, backOffMs, this.stopped.signal);
      }
    }
  }

  private acknowledge(batch: readonly Pending[]): void {
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
    if (this.waiters.length > 0 && !this.isFull(false)) this.wake();
  };

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const [index, waiter] of waiters.entries()) {
      if (this.isFull(false)) {
        this.waiters = waiters.slice(index).concat(this.waiters);
        return;
      }
      waiter();
    }
  }

  private fail(error: Error, batch: readonly Pending[]): void {
    this.failure = error;
    const lost = [...batch, ...this.queue];
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

/** One entry per lane and partition, or several where there is much for one; dead letters in entries of their own. */
function entriesOf(batch: readonly Pending[]): Append[] {
  const messages = new Map<number, RawMessage[]>();
  const letters = new Map<number, DeadLetter[]>();
  for (const pending of batch) {
    const slot = pending.place.partition * 2 + (pending.place.lane === 'urgent' ? 1 : 0);
    for (const message of pending.messages) collect(messages, slot, message);
    if (pending.letter) collect(letters, slot, pending.letter);
  }
  const entries: Append[] = [];
  for (const [slot, group] of messages) {
    for (const part of parts(group, (message) => message.payload.byteLength))
      entries.push(entryOf(streams.raw, slot, encodeRawMessages(part)));
  }
  for (const [slot, group] of letters) {
    for (const part of parts(group, (letter) => letter.original.byteLength))
      entries.push(entryOf(streams.deadLetters, slot, encodeDeadLetters(part)));
  }
  return entries;
}

function collect<T>(groups: Map<number, T[]>, slot: number, item: T): void {
  const group = groups.get(slot);
  if (group) group.push(item);
  else groups.set(slot, [item]);
}

/** Cuts what goes into one entry by number and by bytes. */
function parts<T>(group: readonly T[], bytesOf: (item: T) => number): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  let start = 0;
  let bytes = 0;
  for (const [at, item] of group.entries()) {
    const more = bytesOf(item);
    if (at > start && (at - start >= messagesPerEntry || bytes + more > bytesPerEntry)) {
      found.push(group.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += more;
  }
  found.push(start === 0 ? group : group.slice(start));
  return found;
}

function entryOf(stream: string, slot: number, data: Uint8Array): Append {
  return { stream, lane: slot % 2 === 1 ? 'urgent' : 'bulk', partition: slot >> 1, data };
}
