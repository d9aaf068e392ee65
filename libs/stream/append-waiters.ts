import type { Place } from './stream.port.js';

interface Waiter {
  streams: ReadonlySet<string>;
  /** Places appended to since the waiter last asked; undefined where any may have been. */
  places: Map<string, Place> | undefined;
  wake: ((places: Place[] | undefined) => void) | undefined;
}

/** Whoever of this thread waits for appends, or listens to them: told by the adapter what was appended where. */
export class AppendWaiters {
  private readonly waiters = new Map<AbortSignal, Waiter>();
  private readonly listeners = new Set<(places: readonly Place[] | undefined) => void>();

  /** Says that entries are durable and visible. */
  notify(places: readonly Place[]): void {
    for (const waiter of this.waiters.values()) {
      for (const place of places) {
        if (waiter.streams.has(place.stream)) waiter.places?.set(nameOf(place), place);
      }
      if (waiter.places && waiter.places.size > 0) this.deliver(waiter);
    }
    for (const listener of this.listeners) listener(places);
  }

  /** Wakes everybody: something may have been missed. */
  wakeAll(): void {
    for (const waiter of this.waiters.values()) {
      waiter.places = undefined;
      this.deliver(waiter);
    }
    for (const listener of this.listeners) listener(undefined);
  }

  /** Calls `listener` with the places of every announcement; undefined where any may have been appended to. */
  listen(listener: (places: readonly Place[] | undefined) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** See `StreamLog.waitForAppend`. The memory between calls is kept per `signal`, until it aborts. */
  wait(streams: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<readonly Place[] | undefined> {
    if (signal.aborted) return Promise.resolve([]);
    let waiter = this.waiters.get(signal);
    if (!waiter) {
      waiter = { streams: new Set(streams), places: undefined, wake: undefined };
      this.waiters.set(signal, waiter);
      signal.addEventListener('abort', () => this.forget(signal), { once: true });
    }
    const waiting = waiter;
    waiting.streams = new Set(streams);
    if (!waiting.places || waiting.places.size > 0) return Promise.resolve(take(waiting));
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting.wake?.([]), timeoutMs);
      waiting.wake = (places) => {
        clearTimeout(timer);
        waiting.wake = undefined;
        resolve(places);
      };
    });
  }

  close(): void {
    for (const signal of [...this.waiters.keys()]) this.forget(signal);
    this.listeners.clear();
  }

  private deliver(waiter: Waiter): void {
    waiter.wake?.(take(waiter));
  }

  private forget(signal: AbortSignal): void {
    const waiter = this.waiters.get(signal);
    this.waiters.delete(signal);
    waiter?.wake?.([]);
  }
}

/** Names the places of appends, each once. */
export function placesOf(appends: readonly Place[]): Place[] {
  const places = new Map<string, Place>();
  for (const { stream, lane, partition } of appends) {
    const place = { stream, lane, partition };
    places.set(nameOf(place), place);
  }
  return [...places.values()];
}

function take(waiter: Waiter): Place[] | undefined {
  const places = waiter.places && [...waiter.places.values()];
  waiter.places = new Map();
  return places;
}

function nameOf({ stream, lane, partition }: Place): string {
  return `${stream} ${lane} ${partition}`;
}
