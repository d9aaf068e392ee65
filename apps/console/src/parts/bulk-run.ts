import { type ApiProblem, asProblem } from '../api/problem.js';

/** How far a run over many things has come. */
export interface BulkProgress {
  total: number;
  done: number;
  failed: readonly { name: string; problem: ApiProblem }[];
}

/** Requests of one run that wait for an answer at the same time. */
const atOnce = 4;
/** What may succeed in a moment is tried so often. */
const maxTries = 3;

/**
 * Does one thing to many, a few at a time, telling how far it is. What the platform asks to try again is tried again; a
 * failure of one stops none of the others. The signal stops what has not begun.
 */
export async function bulkRun<T>(
  things: readonly T[],
  nameOf: (thing: T) => string,
  act: (thing: T) => Promise<unknown>,
  tell: (progress: BulkProgress) => void,
  signal?: AbortSignal,
  pauseMs = 1_000,
): Promise<BulkProgress> {
  let progress: BulkProgress = { total: things.length, done: 0, failed: [] };
  tell(progress);
  const waiting = [...things];
  const worker = async () => {
    for (let thing = waiting.shift(); thing !== undefined && !signal?.aborted; thing = waiting.shift()) {
      const problem = await tryIt(thing, act, pauseMs);
      const { done, failed } = progress;
      const failure = problem && { name: nameOf(thing), problem };
      progress = { total: things.length, done: done + 1, failed: failure ? [...failed, failure] : failed };
      tell(progress);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker));
  return progress;
}

async function tryIt<T>(
  thing: T,
  act: (thing: T) => Promise<unknown>,
  pauseMs: number,
): Promise<ApiProblem | undefined> {
  for (let round = 1; ; round++) {
    try {
      await act(thing);
      return undefined;
    } catch (error) {
      const problem = asProblem(error);
      if (!problem.retryable || round === maxTries) return problem;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * round));
    }
  }
}
