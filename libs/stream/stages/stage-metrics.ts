import { lanes } from '#libs/contracts';
import type { Metrics } from '#libs/runtime';
import type { Lag } from '../stream.port.js';

/** A stage, as far as its lag is to be shown. */
interface OwningStage {
  readonly stream: string;
  readonly group: string;
  /** How many partitions it owns. */
  readonly size: number;
  owns(partition: number): boolean;
}

/** What is counted of every stage. */
export class StageMetrics {
  readonly entries;
  readonly batchSeconds;
  readonly commitSeconds;
  readonly failures;
  readonly discards;
  readonly ownership;
  private readonly ownedPartitions;
  private readonly lagEntries;
  private readonly lagSeconds;

  constructor(metrics: Metrics) {
    const group = ['stream', 'group'] as const;
    this.entries = metrics.counter('stream_entries_total', 'Entries a stage has worked through.', group);
    this.batchSeconds = metrics.histogram('stream_batch_seconds', "Time a batch spent in its stage's handler.", group);
    this.commitSeconds = metrics.histogram('stream_commit_seconds', "Time a stage's commit took to be durable.", group);
    this.failures = metrics.counter(
      'stream_stage_failures_total',
      'Batches a stage failed on: transient (an engine is down), error (the handler threw), tick, commit, fenced.',
      ['stream', 'group', 'kind'] as const,
    );
    this.discards = metrics.counter('discards_total', 'What was discarded, by stage and reason.', [
      'stage',
      'reason',
    ] as const);
    this.ownership = metrics.counter(
      'stream_ownership_changes_total',
      'Partitions granted to this process, revoked for another, or lost to another.',
      ['stream', 'group', 'kind'] as const,
    );
    this.ownedPartitions = metrics.gauge(
      'stream_partitions_owned',
      'Partitions that this process works through.',
      group,
    );
    this.lagEntries = metrics.gauge('stream_lag_entries', 'Entries a stage has not acknowledged.', [
      ...group,
      'lane',
    ] as const);
    this.lagSeconds = metrics.gauge('stream_lag_seconds', 'Age of the oldest entry a stage has not acknowledged.', [
      ...group,
      'lane',
    ] as const);
  }

  /**
   * Shows how far behind each stage is on the partitions that this process owns, so that the processes of a group add up.
   */
  showLag(lags: readonly Lag[], stages: readonly OwningStage[]): void {
    for (const stage of stages) {
      const { stream, group } = stage;
      this.ownedPartitions.set({ stream, group }, stage.size);
      const own = lags.filter((lag) => lag.stream === stream && lag.group === group && stage.owns(lag.partition));
      for (const lane of lanes) {
        const ofLane = own.filter((lag) => lag.lane === lane);
        const entries = ofLane.reduce((sum, { last, acknowledged }) => sum + last - acknowledged, 0);
        this.lagEntries.set({ stream, group, lane }, entries);
        this.lagSeconds.set({ stream, group, lane }, Math.max(0, ...ofLane.map(({ ageMs }) => ageMs)) / 1_000);
      }
    }
  }
}
