import { Inject } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { OutboxRepository, type OutboxRow } from './outbox.repository.js';

/** Rows read at a time. */
const pageRows = 500;
const pollMs = 5_000;

/** Somebody who watches. `send` answers false where no more can be taken: the listener is let go. */
export interface FeedListener {
  /** Undefined for somebody who sees every tenant. */
  tenantKey: string | undefined;
  send(row: OutboxRow): boolean;
  close(): void;
}

interface Joined {
  listener: FeedListener;
  /** The sequence up to which it has been told. */
  position: number;
}

/**
 * Live notifications in order of their sequence. The stream only says that there is something new: the outbox is what
 * is read, once for all listeners, so that nobody misses one whatever partition it came by.
 */
export class AlertFeed {
  private readonly listeners = new Set<Joined>();
  private readonly loop: Loop;
  private position = 0;
  private untail: () => void = () => {};

  constructor(
    @Inject(OutboxRepository) private readonly outbox: OutboxRepository,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    this.loop = new Loop({ name: 'alert feed', clock, logger, pollMs, turn: () => this.turn() });
    lifecycle.add({
      name: 'alert feed',
      order: startOrder.api,
      start: async () => this.start(),
      stop: () => this.stop(),
    });
  }

  private start(): void {
    this.untail = this.stream.tail(streams.notifications, () => this.loop.wake());
    this.loop.start();
  }

  private async stop(): Promise<void> {
    this.untail();
    for (const { listener } of this.listeners) listener.close();
    this.listeners.clear();
    await this.loop.stop();
  }

  /**
   * Joins a listener: after the sequence `after` where given, else from now on. Returns the way to leave. What it has
   * missed is read for it alone; only the rest makes the others' reader go back.
   */
  async join(listener: FeedListener, after: number | undefined): Promise<() => void> {
    const joined: Joined = { listener, position: after ?? (await this.outbox.last()) };
    let left = false;
    for (;;) {
      const rows = after === undefined ? [] : await this.outbox.after(joined.position, listener.tenantKey, pageRows);
      for (const row of rows) if (!left && !tell(joined, row)) left = true;
      if (left) listener.close();
      if (left || rows.length < pageRows) break;
    }
    if (left) return () => {};
    this.position = this.listeners.size === 0 ? joined.position : Math.min(this.position, joined.position);
    this.listeners.add(joined);
    this.loop.wake();
    return () => this.listeners.delete(joined);
  }

  private async turn(): Promise<boolean> {
    if (this.listeners.size === 0) return false;
    const from = this.position;
    const rows = await this.outbox.after(from, undefined, pageRows);
    for (const row of rows) {
      for (const joined of this.listeners) {
        if (tell(joined, row)) continue;
        this.listeners.delete(joined);
        joined.listener.close();
      }
    }
    // Somebody who joined during the read may have moved it back.
    if (this.position === from) this.position = rows.at(-1)?.sequence ?? from;
    return rows.length > 0;
  }
}

/** False where the listener cannot take it. */
function tell(joined: Joined, row: OutboxRow): boolean {
  if (row.sequence <= joined.position) return true;
  joined.position = row.sequence;
  const { tenantKey } = joined.listener;
  return tenantKey !== undefined && tenantKey !== row.tenantKey ? true : joined.listener.send(row);
}
