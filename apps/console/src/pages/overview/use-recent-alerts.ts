import { onScopeDispose, type Ref, ref, shallowRef, watch } from 'vue';
import { api, ask, type Schemas } from '../../api/client.js';
import { type ApiProblem, asProblem } from '../../api/problem.js';
import { can } from '../../api/session.js';
import type { Overview } from './use-overview.js';

export type RecentAlert = Schemas['AlertView'];

/** However much happens, the list is asked for again this often at most. */
const refreshMs = 500;

/**
 * The newest alerts that are not cleared: asked for again whenever the live overview counts others. A browser has few
 * connections to one address, so there is no further stream for them.
 */
export function useRecentAlerts(view: Ref<Overview | undefined>, limit: number) {
  const alerts = shallowRef<RecentAlert[]>([]);
  const problem = shallowRef<ApiProblem>();
  const loading = ref(can('alerts:read'));
  let waiting: ReturnType<typeof setTimeout> | undefined;

  async function load(): Promise<void> {
    try {
      const query = { status: ['open', 'acknowledged'] as ('open' | 'acknowledged')[], limit };
      alerts.value = (await ask(api.GET('/api/v1/alerts', { params: { query } }))).items;
      problem.value = undefined;
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      loading.value = false;
    }
  }

  if (can('alerts:read')) {
    void load();
    watch(
      () => JSON.stringify(view.value?.alerts),
      () => {
        waiting ??= setTimeout(() => {
          waiting = undefined;
          void load();
        }, refreshMs);
      },
    );
  }
  onScopeDispose(() => clearTimeout(waiting));
  return { alerts, problem, loading, load };
}
