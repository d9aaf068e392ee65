import type { Cluster, Redis } from 'ioredis';
import { type Logger, sleep, systemClock } from '#libs/runtime';
import type { AppendWaiters } from '../append-waiters.js';
import type { Place } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { type Keys, placeIn } from './keys.js';

const resubscribeMs = 1_000;
const waitMs = 1_000;

/**
 * Subscriptions to what is appended and to the calls of members, on a connection of their own. A message that is lost
 * costs the time to the next slow look, never an entry: what was appended is read by position.
 */
export class WakeUps {
  private readonly client: Redis | Cluster;
  private readonly wanted = new Set<string>();
  private readonly callers = new Map<string, () => void>();
  private places = new Map<string, Place>();
  private scheduled = false;
  private closed = false;

  constructor(
    connection: RedisConnection,
    private readonly keys: Keys,
    private readonly waiters: AppendWaiters,
    private readonly logger: Logger,
  ) {
    this.client = connection.duplicate();
    this.client.on('message', (channel: string, message: string) => this.heard(channel, message));
    this.client.on('ready', () => this.subscribeAll());
    this.client.on('error', () => undefined);
  }

  /** Resolves once connected, or after a second: it goes on trying by itself. */
  async connect(): Promise<void> {
    await atMost(
      waitMs,
      this.client.connect().catch(() => undefined),
    );
  }

  /** Appends to `stream` wake the waiters from now on; resolves when Redis has heard of it, or after a second. */
  async follow(stream: string): Promise<void> {
    const channel = this.keys.appended(stream);
    if (this.wanted.has(channel)) return;
    await atMost(waitMs, this.want(channel));
  }

  /** Calls `listener` whenever a member of the group calls the others. Returns the way to stop. */
  onCall(channel: string, listener: () => void): () => void {
    this.callers.set(channel, listener);
    void this.want(channel);
    return () => {
      this.callers.delete(channel);
      this.wanted.delete(channel);
      this.client.unsubscribe(channel).catch(() => undefined);
    };
  }

  close(): void {
    this.closed = true;
    this.client.disconnect();
  }

  private async want(channel: string): Promise<void> {
    if (this.wanted.has(channel)) return;
    this.wanted.add(channel);
    await this.subscribe(channel);
  }

  private subscribeAll(): void {
    for (const channel of this.wanted) void this.subscribe(channel);
    // Whatever was said while nobody listened.
    this.waiters.wakeAll();
    for (const call of this.callers.values()) call();
  }

  private async subscribe(channel: string): Promise<void> {
    if (this.closed || this.client.status !== 'ready') return;
    try {
      await this.client.subscribe(channel);
    } catch (error) {
      this.logger.debug({ err: error, channel }, 'could not subscribe; tried again');
      setTimeout(() => this.wanted.has(channel) && void this.subscribe(channel), resubscribeMs).unref();
    }
  }

  private heard(channel: string, message: string): void {
    const stream = this.keys.streamOf(channel);
    if (stream === undefined) {
      this.callers.get(channel)?.();
      return;
    }
    this.places.set(`${stream} ${message}`, { stream, ...placeIn(message) });
    if (this.scheduled) return;
    // Many come with one read of the socket.
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const places = [...this.places.values()];
      this.places = new Map();
      this.waiters.notify(places);
    });
  }
}

async function atMost(ms: number, done: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  await Promise.race([done, sleep(systemClock, ms, ended.signal)]);
  ended.abort();
}
