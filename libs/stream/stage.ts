import type { Append, Entry, Source, StateChange } from './stream.port.js';

/** Consecutive entries of one (stream, group, lane, partition), handed to a stage's `@EventPattern('stream/group')` handler. */
export interface StageBatch {
  source: Source;
  entries: readonly Entry[];
}

/** What the stage wants kept together with its acknowledgement of the batch. */
export interface StageResult {
  append?: readonly Append[];
  state?: readonly StateChange[];
  /**
   * Position of the last entry worked through, where the handler stopped before the end of the batch.
   * Default: the whole batch.
   */
  upTo?: number;
}
