import type { Metrics } from '#libs/runtime';
import type { Lag } from '../stream.port.js';

/** What is counted of every stage. */
export class StageMetrics {
  readonly entries;
  readonly batchSeconds;
  readonly commitSeconds;
  readonly failures;
  readonly discards;
  private readonly lagEntries;
  private readonly lagSeconds;

  constructor(metrics: Metrics) {
    const group = ['stream', 'group'] as const;
    this.entries = metrics.counter('stream_entries_total', 'Entries a stage has worked through.', group);
    this.batchSeconds = metrics.histogram('stream_batch_seconds', "Time a batch spent in its stage's handler.", group);
    this.commitSeconds = metrics.histogram('stream_commit_seconds', "Time a stage's commit took to be durable.", group);
    this.failures = metrics.counter(
      'stream_stage_failures_total',
      'Batches a stage failed on: transient (an engine is down), error (the handler threw), tick, commit.',
      ['stream', 'group', 'kind'] as const,
    );
    this.discards = metrics.counter('discards_total', 'What was discarded, by stage and reason.', [
      'stage',
      'reason',
    ] as const);
    this.lagEntries = metrics.gauge('stream_lag_entries', 'Entries a stage has not acknowledged.', [
      ...group,
      'lane',
    ] as const);
    this.lagSeconds = metrics.gauge('stream_lag_seconds', 'Age of the oldest entry a stage has not acknowledged.', [
      ...group,
      'lane',
    ] as const);
  }

  /** Shows how far behind the groups named by `owns` are. */
  showLag(lags: readonly Lag[], owns: (lag: Lag) => boolean): void {
    const sums = new Map<
      string,
      { labels: { stream: string; group: string; lane: string }; entries: number; ageMs: number }
    >();
    for (const lag of lags) {
      if (!owns(lag)) continue;
      const { stream, group, lane } = lag;
      const name = `${stream} ${group} ${lane}`;
      const sum = sums.get(name) ?? { labels: { stream, group, lane }, entries: 0, ageMs: 0 };
      sum.entries += lag.last - lag.acknowledged;
      sum.ageMs = Math.max(sum.ageMs, lag.ageMs);
      sums.set(name, sum);
    }
    for (const { labels, entries, ageMs } of sums.values()) {
      this.lagEntries.set(labels, entries);
      this.lagSeconds.set(labels, ageMs / 1_000);
    }
  }
}
