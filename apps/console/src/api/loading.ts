import { ref, shallowRef } from 'vue';
import { type ApiProblem, asProblem } from './problem.js';

/**
 * The reading of something from the platform: that it is under way, and why it failed. The newest reading wins: an answer that
 * was overtaken is dropped.
 */
export function useLoading<A extends unknown[], T>(read: (...asked: A) => Promise<T>, take: (found: T) => void) {
  const loading = ref(false);
  const problem = shallowRef<ApiProblem | undefined>();
  let newest = 0;

  async function load(...asked: A): Promise<void> {
    const turn = ++newest;
    loading.value = true;
    try {
      const found = await read(...asked);
      if (turn !== newest) return;
      problem.value = undefined;
      take(found);
    } catch (error) {
      if (turn === newest) problem.value = asProblem(error);
    } finally {
      if (turn === newest) loading.value = false;
    }
  }

  /** Drops what is under way, and forgets what was wrong. */
  function drop(): void {
    newest++;
    loading.value = false;
    problem.value = undefined;
  }

  return { loading, problem, load, drop };
}
