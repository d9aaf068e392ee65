import { BroadcastChannel } from 'node:worker_threads';
import type { Append, Place } from '../stream.port.js';

interface Waiter {
  streams: ReadonlySet<string>;
  /** Places appended to since the waiter last asked; undefined where any may have been. */
  places: Map<string, Place> | undefined;
  wake: ((places: Place[] | undefined) => void) | undefined;
}

/**
 * Tells readers that something was appended: at once within the thread, by a broadcast channel to other threads and
 * instances of the same environment. A message that is lost costs the time to the next slow look, never an entry.
 */
export class AppendSignals {
  private readonly channel: BroadcastChannel;
  private readonly waiters = new Map<AbortSignal, Waiter>();
  private readonly listeners = new Set<(places: readonly Place[] | undefined) => void>();

  constructor(path: string) {
    this.channel = new BroadcastChannel(`citysense-stream:${path}`);
    this.channel.onmessage = (event) => this.notify(unpack((event as { data: (string | number)[] }).data));
    this.channel.unref();
  }

  /** Says that entries are durable and visible. */
  announce(appends: readonly Append[]): void {
    if (appends.length === 0) return;
    const places = new Map<string, Place>();
    for (const { stream, lane, partition } of appends)
      places.set(nameOf(stream, lane, partition), { stream, lane, partition });
    const found = [...places.values()];
    this.channel.postMessage(found.flatMap(({ stream, lane, partition }) => [stream, lane, partition]));
    this.notify(found);
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
    this.channel.close();
  }

  private notify(places: readonly Place[]): void {
    for (const waiter of this.waiters.values()) {
      for (const place of places) {
        if (waiter.streams.has(place.stream)) {
          waiter.places?.set(nameOf(place.stream, place.lane, place.partition), place);
        }
      }
      if (waiter.places && waiter.places.size > 0) this.deliver(waiter);
    }
    for (const listener of this.listeners) listener(places);
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

function take(waiter: Waiter): Place[] | undefined {
  const places = waiter.places && [...waiter.places.values()];
  waiter.places = new Map();
  return places;
}

function nameOf(stream: string, lane: Place['lane'], partition: number): string {
  return `${stream} ${lane} ${partition}`;
}

function unpack(flat: readonly (string | number)[]): Place[] {
  const places: Place[] = [];
  for (let at = 0; at + 2 < flat.length; at += 3) {
    places.push({ stream: flat[at] as string, lane: flat[at + 1] as Place['lane'], partition: flat[at + 2] as number });
  }
  return places;
}
