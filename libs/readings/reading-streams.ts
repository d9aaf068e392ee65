import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Authenticator, bearerToken, type Principal, tenantScope } from '#libs/access';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import { type FeedListener, ReadingFeed } from './reading-feed.js';
import { type ReadingsConfig, readingsConfig } from './readings.config.js';
import { feedFull } from './readings.errors.js';

/** With the authenticator's own memory this ends a stream within 5 s of its token. */
const checkEveryMs = 2_500;

/** Open `text/event-stream` answers, each bounded in what may wait for it, each ending with the token it came by. */
export class ReadingStreams {
  private readonly clients;
  private readonly skipped;
  private count = 0;

  constructor(
    @Inject(ReadingFeed) private readonly feed: ReadingFeed,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(readingsConfig.KEY) private readonly config: ReadingsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.clients = metrics.gauge('readings_feed_clients', 'Live streams of readings that are open.');
    this.skipped = metrics.counter('readings_feed_skipped_total', 'Events left out for readers who were too slow.');
  }

  /** Answers with a stream that lasts until either side ends it. Throws 503 where too many are open. */
  open(principal: Principal, wants: FeedListener['wants'], request: FastifyRequest, reply: FastifyReply): void {
    if (this.count >= this.config.feedClients) throw feedFull(this.config.feedClients);
    this.clients.set(++this.count);
    const { raw } = reply;
    reply.hijack();
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.write('retry: 2000\n\n');
    const leave = this.feed.join({ wants, send: this.sender(raw) });
    const stopBeating = this.beat(principal, request, raw);
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

  /** Heartbeats, and the end of the stream when its token no longer holds. Returns the way to stop. */
  private beat(principal: Principal, request: FastifyRequest, raw: FastifyReply['raw']): () => void {
    const token = bearerToken(request.headers.authorization);
    let silentSince = this.clock.now();
    let stopped = false;
    let cancel = () => {};
    const check = async () => {
      const now = token === undefined ? undefined : await this.authenticator.authenticate(token, principal.ip, false);
      if (stopped) return;
      if (!now?.permissions.has('readings:read') || tenantScope(now) !== tenantScope(principal)) {
        raw.end();
        return;
      }
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
