import { onScopeDispose, readonly, ref } from 'vue';
import { followStream, type StreamEvent, type StreamState } from './event-stream.js';
import { endSession, sessionToken } from './session.js';

/** Events are handed over together, this often: a page draws once however many come. */
const handOverMs = 250;
/** Waiting events beyond these are dropped, the oldest first, and counted. */
const maxWaiting = 5_000;

export interface LiveOptions {
  /** Path with query, from the root: `/api/v1/alerts/stream`. */
  path: string;
  /** Where to begin, as a `Last-Event-ID`; from now on where undefined. */
  after?: string | undefined;
  /** What came since the last time, in order. `missed` counts what was dropped since then. */
  onEvents: (events: StreamEvent[], missed: number) => void;
  onState?: (state: StreamState) => void;
}

/**
 * Follows a live stream for as long as the component (or effect scope) lives. Returns how it is doing, and the way to end
 * it early. While the page is hidden, events go on being taken: an alarm must sound in a background tab too.
 */
export function useLive({ path, after, onEvents, onState }: LiveOptions) {
  const state = ref<StreamState>('connecting');
  const ending = new AbortController();
  let waiting: StreamEvent[] = [];
  let missed = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function handOver(): void {
    timer = undefined;
    const [events, dropped] = [waiting, missed];
    waiting = [];
    missed = 0;
    if (!ending.signal.aborted) onEvents(events, dropped);
  }

  void followStream({
    url: path,
    after,
    token: sessionToken,
    signal: ending.signal,
    onState: (now) => {
      state.value = now;
      onState?.(now);
    },
    onEvent: (event) => {
      waiting.push(event);
      if (waiting.length > maxWaiting) {
        waiting.shift();
        missed++;
      }
      timer ??= setTimeout(handOver, handOverMs);
    },
    onEnd: (problem) => {
      if (problem.status === 401) endSession('expired');
    },
  });

  const stop = () => {
    ending.abort();
    clearTimeout(timer);
  };
  onScopeDispose(stop);
  return { state: readonly(state), stop };
}
