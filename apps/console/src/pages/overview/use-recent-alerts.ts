import { onScopeDispose, type Ref, shallowRef, watch } from 'vue';
import { api, ask, type Schemas } from '../../api/client.js';
import { useLoading } from '../../api/loading.js';
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
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const query = { status: ['open', 'acknowledged'] as ('open' | 'acknowledged')[], limit };
  const { loading, problem, load } = useLoading(
    () => ask(api.GET('/api/v1/alerts', { params: { query } })),
    ({ items }) => {
      alerts.value = items;
    },
  );

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
