import type { CodecAnswer } from './codec-answer.js';
import type { RuntimeLimits } from './codec-runtime.js';

/** What a codec thread is told once, at its start. */
export interface CodecThreadData {
  /** Two words: a count that grows with every step, and the step (see `step`). Written by the thread, watched from outside. */
  progress: SharedArrayBuffer;
  limits: RuntimeLimits;
  runtimes: number;
  /** A thread gives back what it has after about this long, so that no codec keeps the others waiting. */
  sliceMs: number;
}

/** Steps that are not a frame's index. */
export const step = { idle: -2, loading: -1 } as const;

/** Frames for one codec. */
export interface CodecJob {
  id: number;
  /** Codec and tenant: no script sees the frames of two tenants in one runtime. */
  runtime: string;
  script: string;
  /** JSON text of an array of `CodecFrame`. */
  frames: string;
  count: number;
}

/** Answers to the first frames of a job, at least one; the rest is for another time. */
export interface CodecReply {
  id: number;
  answers: CodecAnswer[];
}
