import { computed, ref, shallowRef } from 'vue';
import { type ApiProblem, asProblem } from './problem.js';

export interface CursorPage<T> {
  items: T[];
  nextCursor: string | null;
}

/**
 * A list that the platform gives page by page. One page is held at a time, so memory stays as it is however long the list;
 * the way back is the cursors that led here. The newest request wins: an answer that was overtaken is dropped.
 */
export function useCursorList<T>(load: (cursor: string | undefined) => Promise<CursorPage<T>>) {
  const items = shallowRef<T[]>([]);
  const loading = ref(false);
  const problem = shallowRef<ApiProblem | undefined>();
  /** Cursors of the pages up to this one; the first page has none. */
  const trail = shallowRef<(string | undefined)[]>([undefined]);
  const next = ref<string | null>(null);
  let newest = 0;

  async function show(way: (string | undefined)[]): Promise<void> {
    const turn = ++newest;
    loading.value = true;
    try {
      const page = await load(way.at(-1));
      if (turn !== newest) return;
      items.value = page.items;
      next.value = page.nextCursor;
      trail.value = way;
      problem.value = undefined;
    } catch (error) {
      if (turn === newest) problem.value = asProblem(error);
    } finally {
      if (turn === newest) loading.value = false;
    }
  }

  return {
    items,
    loading,
    problem,
    /** Counted from 1. */
    page: computed(() => trail.value.length),
    hasNext: computed(() => next.value !== null),
    hasPrevious: computed(() => trail.value.length > 1),
    /** From the first page, as after a change of filters. */
    restart: () => show([undefined]),
    /** The same page once more. */
    reload: () => show(trail.value),
    goNext: () => (next.value === null ? Promise.resolve() : show([...trail.value, next.value])),
    goPrevious: () => (trail.value.length > 1 ? show(trail.value.slice(0, -1)) : Promise.resolve()),
  };
}
export type CursorList<T> = ReturnType<typeof useCursorList<T>>;
