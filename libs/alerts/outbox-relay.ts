import { Inject } from '@nestjs/common';
import { encodeNotifications, type Lane, type Notification, partitionOf, streams } from '#libs/contracts';
import { METRICS, type Metrics } from '#libs/runtime';
import { type Append, STREAM, type StreamLog } from '#libs/stream';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { OutboxRepository, type OutboxRow } from './outbox.repository.js';

/**
 * Moves the outbox to the stream `notifications`, in order. A crash between append and mark appends again, and so do
 * two relays at once: readers know a notification by its id, and the first copies come in order.
 */
export class OutboxRelay {
  private readonly relayedTotal;

  constructor(
    @Inject(OutboxRepository) private readonly outbox: OutboxRepository,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(alertsConfig.KEY) private readonly config: AlertsConfig,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.relayedTotal = metrics.counter('alerts_notifications_total', 'Notifications passed on.', ['lane']);
  }

  /** Passes on what waits now, up to a batch of it; true where there may be more. */
  async relay(): Promise<boolean> {
    const rows = await this.outbox.waiting(this.config.relayBatch);
    const last = rows.at(-1);
    if (!last) return false;
    await this.stream.append(this.appends(rows), 'platform');
    await this.outbox.markRelayed(last.sequence);
    for (const row of rows) this.relayedTotal.inc({ lane: row.lane });
    return rows.length === this.config.relayBatch;
  }

  /** One entry per lane and partition, its notifications in order. */
  private appends(rows: readonly OutboxRow[]): Append[] {
    const groups = new Map<string, { lane: Lane; partition: number; notifications: Notification[] }>();
    for (const row of rows) {
      const partition = partitionOf(row.alertKey, this.stream.partitions);
      const name = `${row.lane}/${partition}`;
      const group = groups.get(name) ?? { lane: row.lane, partition, notifications: [] };
      groups.set(name, group);
      group.notifications.push({
        id: row.id,
        sequence: row.sequence,
        tenantKey: row.tenantKey,
        alertKey: row.alertKey,
        type: row.type,
        at: row.at.getTime(),
        body: row.body,
      });
    }
    return [...groups.values()].map(({ lane, partition, notifications }) => ({
      stream: streams.notifications,
      lane,
      partition,
      data: encodeNotifications(notifications),
    }));
  }
}
