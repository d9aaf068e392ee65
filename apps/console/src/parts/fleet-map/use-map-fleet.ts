import { effectScope, onScopeDispose, ref, shallowRef } from 'vue';
import { api, ask } from '../../api/client.js';
import type { StreamState } from '../../api/event-stream.js';
import { useLive } from '../../api/live.js';
import { type ApiProblem, asProblem } from '../../api/problem.js';
import { type MapChanges, MapFleet } from './map-fleet.js';

const againMs = 2_000;

/** The devices of the map, read once and kept up by the live stream; read again where that says that too much was missed. */
export function useMapFleet() {
  const fleet = shallowRef<MapFleet>();
  /** Grows with every change of what `fleet` holds. */
  const version = ref(0);
  const problem = shallowRef<ApiProblem>();
  const state = ref<StreamState>('connecting');
  const scope = effectScope();
  let stopLive = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;

  async function load(): Promise<void> {
    stopLive();
    clearTimeout(timer);
    try {
      const view = await ask(api.GET('/api/v1/map/devices'));
      if (over) return;
      fleet.value = new MapFleet(view);
      version.value++;
      problem.value = undefined;
      follow(view.revision);
    } catch (error) {
      if (over) return;
      const found = asProblem(error);
      // A platform that has just started is still reading its devices.
      if (found.code === 'fleet_loading') timer = setTimeout(() => void load(), againMs);
      else problem.value = found;
    }
  }

  function follow(after: string): void {
    scope.run(() => {
      const live = useLive({
        path: '/api/v1/map/stream',
        after,
        onEvents: (events, missed) => {
          if (missed > 0 || events.some(({ type }) => type === 'reset')) {
            void load();
            return;
          }
          for (const { type, data } of events) {
            if (type === 'changes') fleet.value?.apply(JSON.parse(data) as MapChanges);
          }
          version.value++;
        },
        onState: (now) => {
          state.value = now;
        },
      });
      stopLive = live.stop;
    });
  }

  onScopeDispose(() => {
    over = true;
    clearTimeout(timer);
  });
  void load();
  return { fleet, version, problem, state, reload: load };
}
