import { shallowRef, watch } from 'vue';
import { api, ask, type Schemas } from '../../api/client.js';
import { useLoading } from '../../api/loading.js';
import { can } from '../../api/session.js';
import { useThrottled } from '../../api/throttle.js';
import { alertFeedState, onAlertEvents, startAlertFeed } from '../../app/alarm/alert-feed.js';

export type RecentAlert = Schemas['AlertView'];

/** However much happens, the list is asked for again this often at most. */
const refreshMs = 1_000;

/** The newest alerts that are not cleared: asked for again with each that the console's live stream tells of. */
export function useRecentAlerts(limit: number) {
  const alerts = shallowRef<RecentAlert[]>([]);
  const query = { status: ['open', 'acknowledged'] as ('open' | 'acknowledged')[], limit };
  const { loading, problem, load } = useLoading(
    () => ask(api.GET('/api/v1/alerts', { params: { query } })),
    ({ items }) => {
      alerts.value = items;
    },
  );

  if (can('alerts:read')) {
    const refresh = useThrottled(() => void load(), refreshMs);
    void load();
    // The wall has no alarm of its own that would have.
    startAlertFeed();
    onAlertEvents(refresh);
    // What may have happened while the stream was broken.
    watch(alertFeedState, (state) => state === 'open' && refresh());
  }
  return { alerts, problem, loading, load };
}
