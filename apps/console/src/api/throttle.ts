import { onScopeDispose } from 'vue';

/** Does `task` when called: at once, but no more often than every `ms`, then as soon as it may. Not after the component is gone. */
export function useThrottled(task: () => void, ms: number): () => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  function run(): void {
    waiting = undefined;
    lastAt = performance.now();
    task();
  }
  onScopeDispose(() => clearTimeout(waiting));
  return () => {
    waiting ??= setTimeout(run, Math.max(0, lastAt + ms - performance.now()));
  };
}
