import { BroadcastChannel } from 'node:worker_threads';
import { AppendWaiters, placesOf } from '../append-waiters.js';
import type { Append, Place } from '../stream.port.js';

/**
 * Tells readers that something was appended: at once within the thread, by a broadcast channel to other threads and
 * instances of the same environment. A message that is lost costs the time to the next slow look, never an entry.
 */
export class AppendSignals extends AppendWaiters {
  private readonly channel: BroadcastChannel;

  constructor(path: string) {
    super();
    this.channel = new BroadcastChannel(`citysense-stream:${path}`);
    this.channel.onmessage = (event) => this.notify(unpack((event as { data: (string | number)[] }).data));
    this.channel.unref();
  }

  /** Says that entries are durable and visible. */
  announce(appends: readonly Append[]): void {
    if (appends.length === 0) return;
    const places = placesOf(appends);
    this.channel.postMessage(places.flatMap(({ stream, lane, partition }) => [stream, lane, partition]));
    this.notify(places);
  }

  override close(): void {
    super.close();
    this.channel.close();
  }
}

function unpack(flat: readonly (string | number)[]): Place[] {
  const places: Place[] = [];
  for (let at = 0; at + 2 < flat.length; at += 3) {
    places.push({ stream: flat[at] as string, lane: flat[at + 1] as Place['lane'], partition: flat[at + 2] as number });
  }
  return places;
}
