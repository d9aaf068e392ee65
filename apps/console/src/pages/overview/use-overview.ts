import { ref, shallowRef } from 'vue';
import { api, ask, type Schemas } from '../../api/client.js';
import type { StreamState } from '../../api/event-stream.js';
import { useLive } from '../../api/live.js';
import { type ApiProblem, asProblem } from '../../api/problem.js';

export type Overview = Schemas['OverviewView'];

/** The overview, and whether it is live. */
export function useOverview() {
  const view = shallowRef<Overview>();
  const problem = shallowRef<ApiProblem>();
  const state = ref<StreamState>('connecting');
  const loading = ref(true);

  async function load(): Promise<void> {
    loading.value = true;
    try {
      view.value = await ask(api.GET('/api/v1/overview'));
      problem.value = undefined;
    } catch (error) {
      // Once the live stream has told, a question that failed matters no more.
      if (!view.value) problem.value = asProblem(error);
    } finally {
      loading.value = false;
    }
  }

  useLive({
    path: '/api/v1/overview/stream',
    onEvents: (events) => {
      const latest = events.findLast(({ type }) => type === 'overview');
      if (!latest) return;
      view.value = JSON.parse(latest.data) as Overview;
      problem.value = undefined;
    },
    onState: (now) => {
      state.value = now;
    },
  });
  void load();
  return { view, problem, state, loading, load };
}
