import { computed, ref, shallowRef } from 'vue';
import { useLoading } from './loading.js';

export interface CursorPage<T> {
  items: T[];
  nextCursor: string | null;
}

/**
 * A list that the platform gives page by page. One page is held at a time, so memory stays as it is however long the list;
 * the way back is the cursors that led here.
 */
export function useCursorList<T>(read: (cursor: string | undefined) => Promise<CursorPage<T>>) {
  const items = shallowRef<T[]>([]);
  /** Cursors of the pages up to this one; the first page has none. */
  const trail = shallowRef<(string | undefined)[]>([undefined]);
  const next = ref<string | null>(null);
  const {
    loading,
    problem,
    load: show,
  } = useLoading(
    async (way: (string | undefined)[]) => ({ way, page: await read(way.at(-1)) }),
    ({ way, page }) => {
      items.value = page.items;
      next.value = page.nextCursor;
      trail.value = way;
    },
  );

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
