import { onScopeDispose, ref, shallowRef } from 'vue';
import type { AlertEvent } from '../../api/alert-event.js';
import { useThrottled } from '../../api/throttle.js';

/** However much happens, the list is asked for again this often at most. */
const refreshMs = 1_000;
/** How long a row that has just come or changed is marked. */
const freshMs = 8_000;
/** No more rows are marked at a time: a page has fifty. */
const maxFresh = 200;

/** Keeps a list of alerts up to date with the live stream: what changed is asked for, soon and not too often. */
export function useArrivals(refresh: () => Promise<void>) {
  const count = ref(0);
  const fresh = shallowRef<ReadonlySet<string>>(new Set());
  const refreshSoon = useThrottled(() => void refresh(), refreshMs);
  let fading: ReturnType<typeof setTimeout> | undefined;

  function take(events: readonly AlertEvent[]): void {
    count.value += events.filter(({ kind }) => kind === 'raised').length;
    fresh.value = new Set([...fresh.value, ...events.map(({ alert }) => alert.id)].slice(-maxFresh));
    refreshSoon();
    clearTimeout(fading);
    fading = setTimeout(() => {
      fresh.value = new Set();
      count.value = 0;
    }, freshMs);
  }
  onScopeDispose(() => clearTimeout(fading));
  return { count, fresh, take };
}
