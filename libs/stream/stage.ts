import type { Append, Entry, Source, StateChange } from './stream.port.js';

/**
 * Consecutive entries of one (stream, group, lane, partition), handed to a stage's `@EventPattern('stream/group')` handler.
 *
 * What a handler may rely on, and what is asked of it:
 * - One call at a time per (group, lane, partition), in order; different partitions run side by side.
 * - Only partitions that this process owns are handed over, and only those are called on a timer. Before one goes to
 *   another process, its batch under way is committed and `reset` is called; the same where it was lost, without a commit.
 * - What it returns is committed together with the acknowledgement, before the next batch is read.
 * - With `@EventPattern('stream/group', { tickMs: 1000 })` it is also called without entries about every `tickMs` per
 *   lane and partition, between batches; what it returns then is kept, and acknowledges nothing.
 * - Where it throws, or the commit fails, the same entries come again after a back-off. Before that the server calls the
 *   optional method `reset(source: Source)` of the handler's class, where it drops what it holds in memory of the source.
 * - A failure that says "not now" (a connection refused, an error with `retryable: true`) is retried for as long as it
 *   takes. Any other is tried STREAM_STAGE_ATTEMPTS times; then the batch is halved down to the one entry that cannot be
 *   taken, which goes to dead letters with the reason `stage_failed`.
 */
export interface StageBatch {
  source: Source;
  /** Empty for a timer's call. */
  entries: readonly Entry[];
}

/** What the stage wants kept together with its acknowledgement of the batch. */
export interface StageResult {
  append?: readonly Append[];
  state?: readonly StateChange[];
  /**
   * Position of the last entry worked through, where the handler stopped before the end of the batch.
   * Default: the whole batch. Below the first entry's position: none, try the batch again soon.
   */
  upTo?: number;
}

/** The optional part of a stage's class: called before entries of `source` are given again, here or to another process. */
export interface ResettableStage {
  reset(source: Source): Promise<void> | void;
}
