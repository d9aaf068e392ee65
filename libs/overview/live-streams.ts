import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Principal, StreamWatch } from '#libs/access';
import {
  beginEventStream,
  CLOCK,
  type Clock,
  LIFECYCLE,
  type Lifecycle,
  METRICS,
  type Metrics,
  startOrder,
} from '#libs/runtime';
import { type OverviewConfig, overviewConfig } from './overview.config.js';
import { streamsFull } from './overview.errors.js';
import { type Viewer, Viewers } from './viewers.js';

/** What is new for a viewer, as events ready to be written; undefined where nothing is. */
export type LiveTurn = (viewer: Viewer) => string | undefined;

/**
 * Open `text/event-stream` answers that tell a state, not each of its changes: every tick what differs by then, and nothing
 * to a reader who has not taken what was sent before. So nothing piles up for anybody.
 */
export class LiveStreams {
  private readonly clients;
  private readonly open = new Set<FastifyReply['raw']>();

  constructor(
    @Inject(Viewers) private readonly viewers: Viewers,
    @Inject(StreamWatch) private readonly watch: StreamWatch,
    @Inject(overviewConfig.KEY) private readonly config: OverviewConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    this.clients = metrics.gauge('overview_stream_clients', 'Live streams of the overview and the map that are open.');
    lifecycle.add({
      name: 'overview streams',
      order: startOrder.api,
      start: async () => {},
      stop: async () => {
        for (const raw of this.open) raw.end();
      },
    });
  }

  /** Answers with a stream that lasts until either side ends it. Throws 503 where too many are open. */
  async begin(
    principal: Principal,
    request: FastifyRequest,
    reply: FastifyReply,
    turnOf: (viewer: Viewer) => LiveTurn,
  ): Promise<void> {
    let viewer = await this.viewers.admit(principal);
    const turn = turnOf(viewer);
    const { raw } = reply;
    if (raw.destroyed) return;
    if (this.open.size >= this.config.streamClients) throw streamsFull(this.config.streamClients);
    this.open.add(raw);
    this.clients.set(this.open.size);
    let cancel = () => {};
    raw.once('close', () => {
      cancel();
      this.open.delete(raw);
      this.clients.set(this.open.size);
    });
    beginEventStream(reply);
    this.watch.over({
      request,
      raw,
      principal,
      permission: 'devices:read',
      heartbeatMs: this.config.heartbeatMs,
      renewed: async (now) => {
        viewer = await this.viewers.admit(now);
      },
    });
    const tick = () => {
      try {
        const news = raw.writableLength > this.config.streamBufferBytes ? undefined : turn(viewer);
        if (news !== undefined) raw.write(news);
      } catch {
        // The reader comes back by itself, and is told then what is the matter.
        raw.end();
        return;
      }
      if (this.open.has(raw)) cancel = this.clock.after(this.config.tickMs, tick);
    };
    tick();
  }
}
