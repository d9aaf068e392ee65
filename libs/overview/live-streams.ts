import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bearerToken, type Principal } from '#libs/access';
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

/** With the authenticator's own memory this ends a stream within 5 s of its token. */
const checkEveryMs = 2_500;

/** What is new for a viewer, as events ready to be written; undefined where nothing is. */
export type LiveTurn = (viewer: Viewer) => string | undefined;

/** An open stream. */
interface Live {
  viewer: Viewer;
  token: string | undefined;
  raw: FastifyReply['raw'];
  turn: LiveTurn;
  checkedAt: number;
  toldAt: number;
}

/**
 * Open `text/event-stream` answers that tell a state, not each of its changes: every tick what differs by then, and nothing
 * to a reader who has not taken what was sent before. So nothing piles up for anybody.
 */
export class LiveStreams {
  private readonly clients;
  private readonly open = new Set<Live>();

  constructor(
    @Inject(Viewers) private readonly viewers: Viewers,
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
        for (const { raw } of this.open) raw.end();
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
    const viewer = await this.viewers.admit(principal);
    const turn = turnOf(viewer);
    const { raw } = reply;
    if (raw.destroyed) return;
    if (this.open.size >= this.config.streamClients) throw streamsFull(this.config.streamClients);
    const now = this.clock.now();
    const token = bearerToken(request.headers.authorization);
    const live: Live = { viewer, token, raw, turn, checkedAt: now, toldAt: now };
    this.open.add(live);
    this.clients.set(this.open.size);
    let cancel = () => {};
    raw.once('close', () => {
      cancel();
      this.open.delete(live);
      this.clients.set(this.open.size);
    });
    beginEventStream(reply);
    const tick = async () => {
      // A registry that does not answer ends the stream too: nobody watches on a token that cannot be checked.
      const goesOn = await this.tick(live).catch(() => false);
      if (!goesOn) raw.end();
      else if (this.open.has(live)) cancel = this.clock.after(this.config.tickMs, () => void tick());
    };
    await tick();
  }

  /** False where the stream has to end. */
  private async tick(live: Live): Promise<boolean> {
    const now = this.clock.now();
    if (now - live.checkedAt >= checkEveryMs) {
      const viewer = await this.viewers.renew(live.viewer, live.token);
      if (!viewer) return false;
      live.viewer = viewer;
      live.checkedAt = now;
    }
    if (!this.open.has(live) || live.raw.writableLength > this.config.streamBufferBytes) return true;
    const news = live.turn(live.viewer);
    if (news === undefined && now - live.toldAt < this.config.heartbeatMs) return true;
    live.raw.write(news ?? ': alive\n\n');
    live.toldAt = now;
    return true;
  }
}
