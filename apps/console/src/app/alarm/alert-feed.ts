import { type EffectScope, effectScope, onScopeDispose, type Ref, ref, watch } from 'vue';
import { type AlertEvent, alertEventOf } from '../../api/alert-event.js';
import type { StreamState } from '../../api/event-stream.js';
import { useLive } from '../../api/live.js';
import { isLoggedIn } from '../../api/session.js';

type Listener = (events: readonly AlertEvent[]) => void;
const listeners = new Set<Listener>();
let scope: EffectScope | undefined;

/** How the one live stream of alerts is doing. */
export const alertFeedState: Ref<StreamState> = ref('connecting');

/** One stream for the whole console, from the log-in to the end of the session: pages and the alarm listen to it. */
export function startAlertFeed(): void {
  if (scope) return;
  scope = effectScope(true);
  scope.run(() => {
    const { state } = useLive({
      path: '/api/v1/alerts/stream',
      onEvents: (events) => {
        const told = events.flatMap((event) => alertEventOf(event) ?? []);
        if (told.length > 0) for (const listener of listeners) listener(told);
      },
    });
    watch(state, (now) => {
      alertFeedState.value = now;
    });
    watch(isLoggedIn, (logged) => {
      if (logged) return;
      scope?.stop();
      scope = undefined;
    });
  });
}

/** Tells of alerts as they happen, several together, while the component lives. */
export function onAlertEvents(listener: Listener): void {
  listeners.add(listener);
  onScopeDispose(() => listeners.delete(listener));
}
