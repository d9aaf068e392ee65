import type { Clock } from '#libs/runtime';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import type { Append } from '../stream.port.js';
import { classifyCommitFailure } from './commit-failure.js';
import { DiskRoom, type WriteKind, writeKinds } from './disk-room.js';
import type { EnteringAppend, GroupWriter, RecordChange } from './group-writer.js';

/** What one caller wants kept, all of it or none. */
export interface Write {
  kind: WriteKind;
  /** It may wait so many milliseconds after the last commit for others to share the next. */
  patienceMs?: number;
  appends: readonly Append[];
  /** Whether the appends bring into the flow what no stage made. */
  enters?: boolean;
  records: readonly RecordChange[];
}

interface Pending extends Write {
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** What a committer is told of its surroundings. */
export interface CommitterOptions {
  path: string;
  clock: Clock;
  /** Free disk below which nothing more is taken in; half and a quarter of it are kept for stages and for trimming. */
  reserveBytes: number;
  /** Counts the bytes of the file that are written again before it grows. */
  reusableBytes: () => number;
  /** Called with the appends of a group once they are durable, before their callers hear of it. */
  onAppended: (appends: readonly Append[]) => void;
  /** Called once, when the log has failed for good. */
  onFatal: (error: Error) => void;
  /** Called right before each commit; a test throws from it what a disk would answer. */
  beforeCommit?: () => void;
}

/** A commit dirties at most about twice its bytes and two pages per record: a quarter of the default reserve. */
const maxGroupBytes = 8 * 2 ** 20;
const maxGroupRecords = 2_000;
const maxQueuedBytes = 256 * 2 ** 20;
const longestPatienceMs = 100;
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
  private readonly room: DiskRoom;
  private paused: { until: number; kinds: ReadonlySet<WriteKind>; reason: StreamUnavailableError } | undefined;
  private failure: StreamFailedError | undefined;
  private closed = false;
  private looks = 0;
  /** Ends the gathering under way. */
  private hurry: (() => void) | undefined;
  /** When the last commit ended, by `performance.now()`. */
  private committedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly writer: GroupWriter,
    private readonly options: CommitterOptions,
  ) {
    const { path, reserveBytes, clock, reusableBytes } = options;
    this.room = new DiskRoom(path, reserveBytes, clock, reusableBytes);
  }

  /** Resolves once durable. Rejects with `StreamUnavailableError` (nothing kept, try again) or `StreamFailedError`. */
  write(write: Write): Promise<void> {
    const refusal = this.refusal(write.kind);
    if (refusal) return Promise.reject(refusal);
    const bytes = bytesOf(write);
    if (this.queuedBytes > 0 && this.queuedBytes + bytes > maxQueuedBytes) {
      return Promise.reject(new StreamUnavailableError(`more than ${maxQueuedBytes} bytes wait to be written`));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ ...write, bytes, resolve, reject });
      this.queuedBytes += bytes;
      if (!write.patienceMs) this.hurry?.();
      this.running ??= this.run();
    });
  }

  /** What keeps it from writing, undefined when well. */
  problem(): string | undefined {
    return (this.failure ?? this.paused?.reason)?.message;
  }

  /** Takes nothing more; resolves when what was taken is written. */
  async close(): Promise<void> {
    this.closed = true;
    this.hurry?.();
    while (this.running) await this.running;
  }

  /** Called every 10 s: notices a commit that never ends. */
  look(): void {
    if (!this.running) this.looks = 0;
    else if (++this.looks > looksBeforeHung) this.fail(new StreamFailedError(`a commit to ${this.options.path} hangs`));
  }

  private refusal(kind: WriteKind): Error | undefined {
    if (this.failure) return this.failure;
    if (this.closed) return new StreamFailedError('the stream is closed');
    const { paused } = this;
    return paused?.kinds.has(kind) && this.options.clock.now() < paused.until ? paused.reason : undefined;
  }

  private async run(): Promise<void> {
    // Whoever else writes in this turn of the event loop shares the first commit.
    await undefined;
    for (;;) {
      await this.gather();
      this.refuseWithoutRoom();
      const group = this.takeGroup();
      if (group.length === 0) break;
      try {
        this.options.beforeCommit?.();
        const appends = group.flatMap(enteringAppends);
        await this.writer.write(
          { appends, records: group.flatMap((pending) => pending.records as RecordChange[]) },
          this.options.clock.now(),
        );
        this.options.onAppended(appends);
        for (const pending of group) pending.resolve();
      } catch (error) {
        await this.refuse(group, error);
      }
      this.looks = 0;
      this.committedAt = performance.now();
    }
    this.running = undefined;
  }

  /**
   * Waits for more to share the next commit, as long as everybody in it has patience. A commit rewrites some pages of
   * every partition it touches, however little it adds there: on a disk that syncs at once, commits as fast as they go
   * are mostly that.
   */
  private async gather(): Promise<void> {
    if (this.closed || this.queue.length === 0) return;
    const patienceMs = this.queue.reduce((least, one) => Math.min(least, one.patienceMs ?? 0), longestPatienceMs);
    const waitMs = this.committedAt + patienceMs - performance.now();
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.hurry = undefined;
  }

  private takeGroup(): Pending[] {
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (const next of this.queue) {
      if (count > 0 && (bytes + next.bytes > maxGroupBytes || records > maxGroupRecords)) break;
      bytes += next.bytes;
      records += next.appends.length + next.records.length;
      count++;
    }
    this.queuedBytes -= bytes;
    return this.queue.splice(0, count);
  }

  private async refuse(group: readonly Pending[], error: unknown): Promise<void> {
    this.writer.forget();
    const failure = await classifyCommitFailure(error, this.options.path);
    if (failure instanceof StreamUnavailableError) {
      this.pause(new Set(writeKinds), failure, group);
    } else {
      this.fail(failure, group);
    }
  }

  private fail(failure: StreamFailedError, group: readonly Pending[] = []): void {
    const first = !this.failure;
    this.failure ??= failure;
    this.reject(new Set(writeKinds), failure, group);
    if (first) this.options.onFatal(failure);
  }

  private refuseWithoutRoom(): void {
    const refusal = this.room.refusal();
    if (refusal) this.pause(refusal.kinds, new StreamUnavailableError(refusal.message));
    else if (this.paused && this.options.clock.now() >= this.paused.until) this.paused = undefined;
  }

  private pause(kinds: ReadonlySet<WriteKind>, reason: StreamUnavailableError, group: readonly Pending[] = []): void {
    this.paused = { until: this.options.clock.now() + pauseMs, kinds, reason };
    this.reject(kinds, reason, group);
  }

  /** Refuses what is queued along with the group, so that what a caller wrote later is not kept before what it wrote earlier. */
  private reject(kinds: ReadonlySet<WriteKind>, failure: Error, group: readonly Pending[]): void {
    const refused = this.queue.filter(({ kind }) => kinds.has(kind));
    this.queue = this.queue.filter(({ kind }) => !kinds.has(kind));
    for (const { bytes } of refused) this.queuedBytes -= bytes;
    for (const pending of [...group, ...refused]) pending.reject(failure);
  }
}

function enteringAppends({ appends, enters = false }: Write): EnteringAppend[] {
  return appends.map(({ stream, lane, partition, data }) => ({ stream, lane, partition, data, enters }));
}

function bytesOf({ appends, records }: Write): number {
  let bytes = 0;
  for (const { data } of appends) bytes += data.byteLength + 64;
  for (const { value } of records) bytes += (value?.byteLength ?? 0) + 64;
  return bytes;
}
