import type { Clock } from '#libs/runtime';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import type { Append } from '../stream.port.js';
import { classifyCommitFailure } from './commit-failure.js';
import type { GroupWriter, RecordChange } from './group-writer.js';

/** What one caller wants kept, all of it or none. */
export interface Write {
  appends: readonly Append[];
  records: readonly RecordChange[];
}

interface Pending extends Write {
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

export interface CommitterOptions {
  path: string;
  clock: Clock;
  /** Called with the appends of a group once they are durable, before their callers hear of it. */
  onAppended: (appends: readonly Append[]) => void;
  /** Called once, when the log has failed for good. */
  onFatal: (error: Error) => void;
  /** Called right before each commit; a test throws from it what a disk would answer. */
  beforeCommit?: () => void;
}

const maxGroupBytes = 32 * 2 ** 20;
const maxGroupWrites = 20_000;
const maxQueuedBytes = 256 * 2 ** 20;
/** How long everything is refused after a full disk, before the next write tries again. */
const pauseMs = 1_000;
/** A commit that is not back after so many looks (10 s each) hangs: LMDB or the disk will never answer. */
const looksBeforeHung = 12;

/**
 * FIFO group commit: while one transaction is written, callers queue; when it ends, all that is queued becomes the next.
 * One fsync pays for everybody who waited.
 */
export class Committer {
  private queue: Pending[] = [];
  private queuedBytes = 0;
  private running: Promise<void> | undefined;
  private pausedUntil = 0;
  private paused: StreamUnavailableError | undefined;
  private failure: StreamFailedError | undefined;
  private looks = 0;

  constructor(
    private readonly writer: GroupWriter,
    private readonly options: CommitterOptions,
  ) {}

  /** Resolves once durable. Rejects with `StreamUnavailableError` (nothing kept, try again) or `StreamFailedError`. */
  write(write: Write): Promise<void> {
    const refusal = this.refusal();
    if (refusal) return Promise.reject(refusal);
    const bytes = bytesOf(write);
    if (this.queuedBytes > 0 && this.queuedBytes + bytes > maxQueuedBytes) {
      return Promise.reject(new StreamUnavailableError(`more than ${maxQueuedBytes} bytes wait to be written`));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ ...write, bytes, resolve, reject });
      this.queuedBytes += bytes;
      this.running ??= this.run();
    });
  }

  /** What keeps it from writing, undefined when well. */
  problem(): string | undefined {
    return (this.failure ?? this.paused)?.message;
  }

  /** Resolves when nothing is queued or under way. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  /** Called every 10 s: notices a commit that never ends. */
  look(): void {
    if (!this.running) this.looks = 0;
    else if (++this.looks > looksBeforeHung) this.fail(new StreamFailedError(`a commit to ${this.options.path} hangs`));
  }

  private refusal(): Error | undefined {
    if (this.failure) return this.failure;
    return this.paused && this.options.clock.now() < this.pausedUntil ? this.paused : undefined;
  }

  private async run(): Promise<void> {
    // Whoever else writes in this turn of the event loop shares the first commit.
    await undefined;
    while (this.queue.length > 0) {
      const group = this.takeGroup();
      try {
        this.options.beforeCommit?.();
        const appends = group.flatMap((pending) => pending.appends as Append[]);
        await this.writer.write(
          { appends, records: group.flatMap((pending) => pending.records as RecordChange[]) },
          this.options.clock.now(),
        );
        this.paused = undefined;
        this.options.onAppended(appends);
        for (const pending of group) pending.resolve();
      } catch (error) {
        await this.refuse(group, error);
      }
      this.looks = 0;
    }
    this.running = undefined;
  }

  private takeGroup(): Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < this.queue.length && count < maxGroupWrites) {
      const next = (this.queue[count] as Pending).bytes;
      if (count > 0 && bytes + next > maxGroupBytes) break;
      bytes += next;
      count++;
    }
    this.queuedBytes -= bytes;
    return this.queue.splice(0, count);
  }

  private async refuse(group: readonly Pending[], error: unknown): Promise<void> {
    this.writer.forget();
    const failure = await classifyCommitFailure(error, this.options.path);
    if (failure instanceof StreamUnavailableError) {
      this.paused = failure;
      this.pausedUntil = this.options.clock.now() + pauseMs;
      this.rejectAll(group, failure);
    } else {
      this.fail(failure, group);
    }
  }

  private fail(failure: StreamFailedError, group: readonly Pending[] = []): void {
    const first = !this.failure;
    this.failure ??= failure;
    this.rejectAll(group, failure);
    if (first) this.options.onFatal(failure);
  }

  /** Refuses the queue along with the group, so that what a caller wrote later is not kept before what it wrote earlier. */
  private rejectAll(group: readonly Pending[], failure: Error): void {
    const queued = this.queue;
    this.queue = [];
    this.queuedBytes = 0;
    for (const pending of [...group, ...queued]) pending.reject(failure);
  }
}

function bytesOf({ appends, records }: Write): number {
  let bytes = 0;
  for (const { data } of appends) bytes += data.byteLength + 64;
  for (const { value } of records) bytes += (value?.byteLength ?? 0) + 64;
  return bytes;
}
