import { Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Principal, StreamWatch, tenantScope } from '#libs/access';
import { beginEventStream, invalid, METRICS, type Metrics } from '#libs/runtime';
import { AlertFeed } from './alert-feed.js';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { feedFull } from './alerts.errors.js';
import type { OutboxRow } from './outbox.repository.js';

/** Open `text/event-stream` answers, each bounded in what may wait for it, each ending with the token it came by. */
export class AlertStreams {
  private readonly clients;
  private readonly cutOff;
  private count = 0;

  constructor(
    @Inject(AlertFeed) private readonly feed: AlertFeed,
    @Inject(StreamWatch) private readonly watch: StreamWatch,
    @Inject(alertsConfig.KEY) private readonly config: AlertsConfig,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.clients = metrics.gauge('alerts_feed_clients', 'Live alert streams that are open.');
    this.cutOff = metrics.counter('alerts_feed_cut_off_total', 'Live alert streams cut off for reading too slowly.');
  }

  /** Answers with a stream that lasts until either side ends it. Throws 400 or 503 before it has begun. */
  async open(
    principal: Principal,
    lastEventId: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const after = sequenceOf(lastEventId);
    const { raw } = reply;
    // Gone while it was let in: its end has been told, and would never be heard here.
    if (raw.destroyed) return;
    if (this.count >= this.config.feedClients) throw feedFull(this.config.feedClients);
    this.clients.set(++this.count);
    let over = false;
    let leave: () => void = () => {};
    raw.once('close', () => {
      over = true;
      leave();
      this.clients.set(--this.count);
    });
    beginEventStream(reply);
    const heartbeatMs = this.config.feedHeartbeatMs;
    this.watch.over({ request, raw, principal, permission: 'alerts:read', heartbeatMs });
    try {
      const left = await this.feed.join(
        { tenantKey: tenantScope(principal), send: this.sender(raw), close: () => raw.end() },
        after,
      );
      if (over) left();
      else leave = left;
    } catch {
      // The client comes back by itself, with the id of the last event it saw.
      raw.destroy();
    }
  }

  private sender(raw: FastifyReply['raw']): (row: OutboxRow) => boolean {
    return (row) => {
      raw.write(`id: ${row.sequence}\nevent: ${row.type.replace('cn.citysense.', '')}\ndata: ${row.body}\n\n`);
      if (raw.writableLength <= this.config.feedBufferBytes) return true;
      this.cutOff.inc();
      raw.destroy();
      return false;
    };
  }
}

function sequenceOf(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  throw invalid('last_event_id_invalid', 'Last-Event-ID: not an id of this stream; leave it out to start from now.');
}
