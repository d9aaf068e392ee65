import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bearerToken, type Principal } from '#libs/access';
import type { Sight } from '#libs/devices';
import { beginEventStream, CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import { FeedPasses } from './feed-passes.js';
import { type FeedListener, ReadingFeed } from './reading-feed.js';
import { type ReadingsConfig, readingsConfig } from './readings.config.js';
import { feedFull } from './readings.errors.js';

/** With the authenticator's own memory this ends a stream within 5 s of its token. */
const checkEveryMs = 2_500;

interface Watcher {
  principal: Principal;
  sees: Sight;
}

/** Open `text/event-stream` answers, each bounded in what may wait for it, each ending with the token it came by. */
export class ReadingStreams {
  private readonly clients;
  private readonly skipped;
  private count = 0;

  constructor(
    @Inject(ReadingFeed) private readonly feed: ReadingFeed,
    @Inject(FeedPasses) private readonly passes: FeedPasses,
    @Inject(readingsConfig.KEY) private readonly config: ReadingsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.clients = metrics.gauge('readings_feed_clients', 'Live streams of readings that are open.');
    this.skipped = metrics.counter('readings_feed_skipped_total', 'Events left out for readers who were too slow.');
  }

  /** Answers with a stream that lasts until either side ends it. Throws 503 where too many are open. */
  async open(
    principal: Principal,
    wants: FeedListener['wants'],
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const watcher: Watcher = { principal, sees: await this.passes.admit(principal) };
    const { raw } = reply;
    if (raw.destroyed) return;
    if (this.count >= this.config.feedClients) throw feedFull(this.config.feedClients);
    this.clients.set(++this.count);
    beginEventStream(reply);
    const leave = this.feed.join({ wants: (device) => wants(device) && watcher.sees(device), send: this.sender(raw) });
    const stopBeating = this.beat(watcher, bearerToken(request.headers.authorization), raw);
    raw.once('close', () => {
      leave();
      stopBeating();
      this.clients.set(--this.count);
    });
  }

  /** Leaves events out while the reader does not keep up, and says how many when it does. */
  private sender(raw: FastifyReply['raw']): FeedListener['send'] {
    let skipped = 0;
    return (view) => {
      if (raw.writableLength > this.config.feedBufferBytes) {
        skipped += 1;
        this.skipped.inc();
        return;
      }
      if (skipped > 0) raw.write(`event: skipped\ndata: {"events":${skipped}}\n\n`);
      skipped = 0;
      raw.write(`event: readings\ndata: ${JSON.stringify(view)}\n\n`);
    };
  }

  /** Heartbeats, fresh grants, and the end of the stream when its token no longer holds. Returns the way to stop. */
  private beat(watcher: Watcher, token: string | undefined, raw: FastifyReply['raw']): () => void {
    let silentSince = this.clock.now();
    let stopped = false;
    let cancel = () => {};
    const check = async () => {
      const sees = await this.passes.renew(watcher.principal, token);
      if (stopped) return;
      if (!sees) {
        raw.end();
        return;
      }
      watcher.sees = sees;
      if (this.clock.now() - silentSince >= this.config.feedHeartbeatMs) {
        silentSince = this.clock.now();
        raw.write(': alive\n\n');
      }
      next();
    };
    // A registry that does not answer ends the stream too: nobody watches on a token that cannot be checked.
    const next = () => {
      cancel = this.clock.after(checkEveryMs, () => void check().catch(() => raw.end()));
    };
    next();
    return () => {
      stopped = true;
      cancel();
    };
  }
}
