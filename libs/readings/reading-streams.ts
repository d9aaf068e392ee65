import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Principal, StreamWatch } from '#libs/access';
import { VisibleDevices } from '#libs/devices';
import { beginEventStream, METRICS, type Metrics } from '#libs/runtime';
import { type FeedListener, ReadingFeed } from './reading-feed.js';
import { type ReadingsConfig, readingsConfig } from './readings.config.js';
import { feedFull } from './readings.errors.js';

/** Open `text/event-stream` answers, each bounded in what may wait for it, each ending with the token it came by. */
export class ReadingStreams {
  private readonly clients;
  private readonly skipped;
  private count = 0;

  constructor(
    @Inject(ReadingFeed) private readonly feed: ReadingFeed,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
    @Inject(StreamWatch) private readonly watch: StreamWatch,
    @Inject(readingsConfig.KEY) private readonly config: ReadingsConfig,
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
    let sees = await this.devices.sight(principal);
    const { raw } = reply;
    if (raw.destroyed) return;
    if (this.count >= this.config.feedClients) throw feedFull(this.config.feedClients);
    this.clients.set(++this.count);
    beginEventStream(reply);
    const leave = this.feed.join({ wants: (device) => wants(device) && sees(device), send: this.sender(raw) });
    raw.once('close', () => {
      leave();
      this.clients.set(--this.count);
    });
    this.watch.over({
      request,
      raw,
      principal,
      permission: 'readings:read',
      heartbeatMs: this.config.feedHeartbeatMs,
      // Grants come and go.
      renewed: async (now) => {
        sees = await this.devices.sight(now);
      },
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
}
