import { ref, shallowRef } from 'vue';
import { api, ask, type Schemas } from '../../api/client.js';
import type { StreamState } from '../../api/event-stream.js';
import { useLive } from '../../api/live.js';
import { useLoading } from '../../api/loading.js';

export type Overview = Schemas['OverviewView'];

/** The overview, and whether it is live. */
export function useOverview() {
  const view = shallowRef<Overview>();
  const state = ref<StreamState>('connecting');
  const { loading, problem, load, drop } = useLoading(
    () => ask(api.GET('/api/v1/overview')),
    (found) => {
      view.value = found;
    },
  );

  useLive({
    path: '/api/v1/overview/stream',
    onEvents: (events) => {
      const latest = events.findLast(({ type }) => type === 'overview');
      if (!latest) return;
      view.value = JSON.parse(latest.data) as Overview;
      // A question that is under way, or failed, matters no more.
      drop();
    },
    onState: (now) => {
      state.value = now;
    },
  });
  void load();
  return { view, problem, state, loading, load };
}
