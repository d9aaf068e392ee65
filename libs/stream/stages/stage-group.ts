import { setMaxListeners } from 'node:events';
import { type Lane, lanes } from '#libs/contracts';
import type { Clock, Logger } from '#libs/runtime';
import type { StageBatch, StageResult } from '../stage.js';
import type { Place, Source, StreamLog } from '../stream.port.js';
import { BatchBudget } from './batch-budget.js';
import { SourceWorker } from './source-worker.js';
import type { StageMetrics } from './stage-metrics.js';
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
}

/** A running stage: one worker per lane and partition, woken when there is something to do. */
export class StageGroup {
  readonly stream: string;
  readonly group: string;
  private readonly draining = new AbortController();
  private readonly workers: SourceWorker[] = [];
  private readonly byPlace = new Map<string, SourceWorker>();
  private cancelTick: (() => void) | undefined;

  constructor(
    private readonly definition: StageDefinition,
    private readonly surroundings: StageSurroundings,
  ) {
    this.stream = definition.stream;
    this.group = definition.group;
    // Every worker may wait on it at once: that many listeners are no leak.
    setMaxListeners(0, this.draining.signal);
    for (const lane of lanes) {
      const budget = new BatchBudget(surroundings.batchEntries, surroundings.batchBytes);
      for (let partition = 0; partition < surroundings.log.partitions; partition++) {
        const source = { stream: this.stream, group: this.group, lane, partition };
        const worker = new SourceWorker(source, {
          ...surroundings,
          budget,
          paceMs: lane === 'bulk' ? surroundings.bulkPaceMs : 0,
          signal: this.draining.signal,
          handle: (batch) => definition.handle(batch),
          reset: (place) => definition.reset(place),
        });
        this.workers.push(worker);
        this.byPlace.set(nameOf(this.stream, lane, partition), worker);
      }
    }
  }

  /** Makes the group known to the stream and starts on what is there. */
  async start(): Promise<void> {
    await this.surroundings.log.registerGroup(this.stream, this.group);
    this.wake(undefined);
    this.scheduleTick();
  }

  /** Wakes the workers of `places`, or all where undefined. */
  wake(places: readonly Place[] | undefined): void {
    if (!places) {
      for (const worker of this.workers) worker.wake();
      return;
    }
    for (const { stream, lane, partition } of places) this.byPlace.get(nameOf(stream, lane, partition))?.wake();
  }

  /** Lets the batches under way be committed, and begins no other. */
  async drain(): Promise<void> {
    this.draining.abort();
    this.cancelTick?.();
    await Promise.all(this.workers.map((worker) => worker.idle()));
  }

  /** What one of its sources has been failing at for longer than `ms`. */
  stuckFor(ms: number): string | undefined {
    for (const worker of this.workers) {
      const problem = worker.stuckFor(ms);
      if (problem) return problem;
    }
    return undefined;
  }

  private scheduleTick(): void {
    const { tickMs } = this.definition;
    if (tickMs === undefined || this.draining.signal.aborted) return;
    this.cancelTick = this.surroundings.clock.after(tickMs, () => {
      for (const worker of this.workers) worker.tick();
      this.scheduleTick();
    });
  }
}

function nameOf(stream: string, lane: Lane, partition: number): string {
  return `${stream} ${lane} ${partition}`;
}
