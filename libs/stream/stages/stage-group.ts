import { type Lane, lanes } from '#libs/contracts';
import { type Clock, type Logger, sleep, systemClock } from '#libs/runtime';
import type { StageBatch, StageResult } from '../stage.js';
import type { Membership, Place, Source, StreamLog } from '../stream.port.js';
import { BatchBudget } from './batch-budget.js';
import { SourceWorker } from './source-worker.js';
import type { StageMeter, StageMetrics } from './stage-metrics.js';
import type { Turns } from './turns.js';

/** A stage as its group of one stream: what `@EventPattern('stream/group')` and its class say. */
export interface StageDefinition {
  stream: string;
  group: string;
  /** How often the handler is also called without entries, for its timers; undefined for never. */
  tickMs: number | undefined;
  handle(batch: StageBatch): Promise<StageResult | undefined>;
  /** Drops what is held in memory of the source; called before entries are given again. */
  reset(source: Source): Promise<void>;
}

/** What every stage of a thread shares. */
export interface StageSurroundings {
  log: StreamLog;
  clock: Clock;
  logger: Logger;
  metrics: StageMetrics;
  turns: Turns;
  attempts: number;
  batchEntries: number;
  batchBytes: number;
  /** Least time between two batches of a bulk partition, in milliseconds. */
  bulkPaceMs: number;
  /** A source has stopped for good: the process must end, so that another takes its partitions. */
  onFatal(error: unknown): void;
}

/** How long batches under way may take to end when the process does; then their partitions go without a commit. */
const longestDrainMs = 10_000;

type Workers = Record<Lane, SourceWorker>;

/** A running stage: for each partition that this process owns, one worker per lane, woken when there is something to do. */
export class StageGroup {
  readonly stream: string;
  readonly group: string;
  private readonly meter: StageMeter;
  private readonly budgets: Record<Lane, BatchBudget>;
  private readonly owned = new Map<number, Workers>();
  /** What happens to a partition, one thing after the other: it may be granted again before its last batch has ended. */
  private readonly changes = new Map<number, Promise<void>>();
  private membership: Membership | undefined;
  private draining = false;
  private cancelTick: (() => void) | undefined;

  constructor(
    private readonly definition: StageDefinition,
    private readonly surroundings: StageSurroundings,
  ) {
    this.stream = definition.stream;
    this.group = definition.group;
    this.meter = surroundings.metrics.of(this.stream, this.group);
    const { batchEntries, batchBytes } = surroundings;
    this.budgets = {
      urgent: new BatchBudget(batchEntries, batchBytes),
      bulk: new BatchBudget(batchEntries, batchBytes),
    };
  }

  /** Makes the group known to the stream, and starts on the partitions that fall to this process. */
  async start(): Promise<void> {
    const { log } = this.surroundings;
    await log.registerGroup(this.stream, this.group);
    this.membership = await log.join(this.stream, this.group, {
      granted: (partition) => {
        void this.change(partition, 'granted', async () => this.begin(partition));
      },
      revoked: (partition) => this.change(partition, 'revoked', () => this.end(partition, (worker) => worker.drain())),
      lost: (partition) => {
        this.each(partition, (worker) => void worker.abandon());
        void this.change(partition, 'lost', () => this.end(partition, (worker) => worker.abandon()));
      },
    });
    this.scheduleTick();
  }

  /** Wakes the workers of `places`, or all where undefined. */
  wake(places: readonly Place[] | undefined): void {
    if (!places) {
      for (const worker of this.workers()) worker.wake();
      return;
    }
    for (const { stream, lane, partition } of places) {
      if (stream === this.stream) this.owned.get(partition)?.[lane].wake();
    }
  }

  /** Lets the batches under way be committed, begins no other, and leaves the partitions to others. */
  async drain(): Promise<void> {
    this.draining = true;
    this.cancelTick?.();
    const ended = new AbortController();
    const idle = Promise.all([...this.workers()].map((worker) => worker.drain())).then(() => ended.abort());
    await Promise.race([idle, sleep(systemClock, longestDrainMs, ended.signal)]);
    await this.membership?.leave();
    await idle;
  }

  /** Whether the partition is this process's. */
  owns(partition: number): boolean {
    return this.owned.has(partition);
  }

  /** How many partitions are this process's. */
  get size(): number {
    return this.owned.size;
  }

  /** What one of its sources has been failing at for longer than `ms`. */
  stuckFor(ms: number): string | undefined {
    for (const worker of this.workers()) {
      const problem = worker.stuckFor(ms);
      if (problem) return problem;
    }
    return undefined;
  }

  private begin(partition: number): void {
    if (this.draining) return;
    const workers: Workers = { urgent: this.worker('urgent', partition), bulk: this.worker('bulk', partition) };
    this.owned.set(partition, workers);
    for (const lane of lanes) workers[lane].wake();
  }

  /** The partition goes: nothing that memory holds of it may outlive that, somebody else changes it from now on. */
  private async end(partition: number, stop: (worker: SourceWorker) => Promise<void>): Promise<void> {
    const workers = this.owned.get(partition);
    if (!workers) return;
    await Promise.all(lanes.map((lane) => stop(workers[lane])));
    this.owned.delete(partition);
    for (const lane of lanes) await this.definition.reset(workers[lane].source);
  }

  private change(partition: number, kind: 'granted' | 'revoked' | 'lost', act: () => Promise<void>): Promise<void> {
    const { stream, group } = this;
    this.meter.ownershipChanged(kind);
    const changed = (this.changes.get(partition) ?? Promise.resolve()).then(act).catch((error: unknown) => {
      this.surroundings.logger.error({ err: error, stream, group, partition, kind }, 'a stage did not let go cleanly');
    });
    this.changes.set(partition, changed);
    return changed;
  }

  private worker(lane: Lane, partition: number): SourceWorker {
    const { surroundings, definition } = this;
    return new SourceWorker(
      { stream: this.stream, group: this.group, lane, partition },
      {
        ...surroundings,
        meter: this.meter,
        budget: this.budgets[lane],
        paceMs: lane === 'bulk' ? surroundings.bulkPaceMs : 0,
        handle: (batch) => definition.handle(batch),
        reset: (source) => definition.reset(source),
      },
    );
  }

  private *workers(): Generator<SourceWorker> {
    for (const workers of this.owned.values()) for (const lane of lanes) yield workers[lane];
  }

  private each(partition: number, act: (worker: SourceWorker) => void): void {
    const workers = this.owned.get(partition);
    if (workers) for (const lane of lanes) act(workers[lane]);
  }

  private scheduleTick(): void {
    const { tickMs } = this.definition;
    if (tickMs === undefined || this.draining) return;
    this.cancelTick = this.surroundings.clock.after(tickMs, () => {
      for (const worker of this.workers()) worker.tick();
      this.scheduleTick();
    });
  }
}
