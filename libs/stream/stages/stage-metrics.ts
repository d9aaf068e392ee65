import { type Lane, lanes, rowsIn } from '#libs/contracts';
import type { Metrics } from '#libs/runtime';
import type { Append, Lag } from '../stream.port.js';

/** A stage, as far as its lag is to be shown. */
interface OwningStage {
  readonly stream: string;
  readonly group: string;
  /** How many partitions it owns. */
  readonly size: number;
  owns(partition: number): boolean;
}

/** A batch that has been acknowledged, or the part of it that was. */
export interface WorkedBatch {
  lane: Lane;
  entries: number;
  messages: number;
  /** When its oldest entry was appended, and when it was acknowledged, epoch milliseconds. */
  appendedAt: number;
  acknowledgedAt: number;
}

/** Why a batch has to come again, or a partition is let go. */
export type FailureKind = 'transient' | 'error' | 'tick' | 'commit' | 'fenced';

const ofStage = ['stage', 'stream'] as const;
const batchSizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** What is counted of every stage, under the same names; `stage` is its group, `stream` the stream that it reads. */
export class StageMetrics {
  readonly messagesIn;
  readonly messagesOut;
  readonly entriesIn;
  readonly batchMessages;
  readonly batchSeconds;
  readonly commitSeconds;
  readonly latencySeconds;
  readonly failures;
  readonly discards;
  readonly ownershipChanges;
  private readonly ownedPartitions;
  private readonly lagMessages;
  private readonly lagEntries;
  private readonly lagSeconds;

  constructor(metrics: Metrics) {
    const ofLane = [...ofStage, 'lane'] as const;
    this.messagesIn = metrics.counter('stage_messages_in_total', 'Messages a stage has acknowledged.', ofLane);
    this.messagesOut = metrics.counter('stage_messages_out_total', 'Messages a stage has put into other streams.', [
      ...ofStage,
      'to',
    ] as const);
    this.entriesIn = metrics.counter('stage_entries_in_total', 'Entries a stage has acknowledged.', ofLane);
    this.batchMessages = metrics.histogram('stage_batch_messages', 'Messages in a batch.', ofStage, batchSizes);
    this.batchSeconds = metrics.histogram('stage_batch_seconds', "Time of a batch in its stage's handler.", ofStage);
    this.commitSeconds = metrics.histogram('stage_commit_seconds', 'Time until a commit was durable.', ofStage);
    this.latencySeconds = metrics.histogram(
      'stage_latency_seconds',
      'From the append of the oldest entry of a batch until the stage has acknowledged it.',
      ofLane,
    );
    this.failures = metrics.counter(
      'stage_failures_total',
      'Batches a stage failed on: transient (an engine is down), error (the handler threw), tick, commit, fenced.',
      [...ofStage, 'kind'] as const,
    );
    this.discards = metrics.counter('discards_total', 'What was discarded, by stage and reason.', [
      'stage',
      'reason',
    ] as const);
    this.ownershipChanges = metrics.counter(
      'stage_ownership_changes_total',
      'Partitions granted to this process, revoked for another, or lost to another.',
      [...ofStage, 'kind'] as const,
    );
    this.ownedPartitions = metrics.gauge(
      'stage_partitions_owned',
      'Partitions that this process works through.',
      ofStage,
    );
    this.lagMessages = metrics.gauge('stage_lag_messages', 'Messages a stage has not acknowledged.', ofLane);
    this.lagEntries = metrics.gauge('stage_lag_entries', 'Entries a stage has not acknowledged.', ofLane);
    this.lagSeconds = metrics.gauge(
      'stage_lag_seconds',
      'Age of the oldest entry a stage has not acknowledged.',
      ofLane,
    );
  }

  /** The counts of one stage. */
  of(stream: string, group: string): StageMeter {
    return new StageMeter(this, { stage: group, stream });
  }

  /**
   * Shows how far behind each stage is on the partitions that this process owns, so that the processes of a group add up.
   */
  showLag(lags: readonly Lag[], stages: readonly OwningStage[]): void {
    for (const stage of stages) {
      const { stream, group } = stage;
      const labels = { stage: group, stream };
      this.ownedPartitions.set(labels, stage.size);
      const own = lags.filter((lag) => lag.stream === stream && lag.group === group && stage.owns(lag.partition));
      for (const lane of lanes) {
        const ofLane = own.filter((lag) => lag.lane === lane);
        const entries = ofLane.reduce((sum, { owed }) => sum + owed, 0);
        this.lagEntries.set({ ...labels, lane }, entries);
        const messages = ofLane.reduce((sum, lag) => sum + lag.messages.appended - lag.messages.acknowledged, 0);
        this.lagMessages.set({ ...labels, lane }, messages);
        this.lagSeconds.set({ ...labels, lane }, Math.max(0, ...ofLane.map(({ ageMs }) => ageMs)) / 1_000);
      }
    }
  }
}

/** Counts for one stage: a few additions per batch, none per message. */
export class StageMeter {
  constructor(
    private readonly metrics: StageMetrics,
    private readonly labels: { stage: string; stream: string },
  ) {}

  /** Call what it returns when the handler is back. */
  handling(): () => void {
    return this.metrics.batchSeconds.startTimer(this.labels);
  }

  /** Call what it returns when the commit is durable. */
  committing(): () => void {
    return this.metrics.commitSeconds.startTimer(this.labels);
  }

  worked({ lane, entries, messages, appendedAt, acknowledgedAt }: WorkedBatch): void {
    const labels = { ...this.labels, lane };
    this.metrics.entriesIn.inc(labels, entries);
    this.metrics.messagesIn.inc(labels, messages);
    this.metrics.batchMessages.observe(this.labels, messages);
    this.metrics.latencySeconds.observe(labels, Math.max(0, acknowledgedAt - appendedAt) / 1_000);
  }

  /** What a commit put into other streams. */
  putOut(appends: readonly Append[]): void {
    for (const { stream, data } of appends) this.metrics.messagesOut.inc({ ...this.labels, to: stream }, rowsIn(data));
  }

  failed(kind: FailureKind): void {
    this.metrics.failures.inc({ ...this.labels, kind });
  }

  /** The stage could not take an entry of so many messages. */
  gaveUp(messages: number): void {
    this.metrics.discards.inc({ stage: this.labels.stage, reason: 'stage_failed' }, messages);
  }

  ownershipChanged(kind: 'granted' | 'revoked' | 'lost'): void {
    this.metrics.ownershipChanges.inc({ ...this.labels, kind });
  }
}
