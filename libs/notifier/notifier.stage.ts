import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { decodeNotifications, type Notification } from '#libs/contracts';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { StageBatch, StageResult } from '#libs/stream';
import { DeliveryLoop } from './delivery-loop.js';
import { DeliveryQueueRepository, type Queued } from './delivery-queue.repository.js';

/**
 * Copies notifications to the endpoints that want them, then acknowledges: days of retries never hold the stream back.
 * A notification that comes again is known by its id.
 */
@Controller()
export class NotifierStage {
  private readonly queuedTotal;

  constructor(
    @Inject(DeliveryQueueRepository) private readonly queue: DeliveryQueueRepository,
    @Inject(DeliveryLoop) private readonly deliveries: DeliveryLoop,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.queuedTotal = metrics.counter('notifier_deliveries_queued_total', 'Deliveries queued for endpoints.');
  }

  @EventPattern('notifications/notifier')
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const arrived = batch.entries.flatMap((entry) => decodeNotifications(entry.data)).map(queuedOf);
    if (arrived.length === 0) return {};
    const tenants = arrived.map((notification) => notification.tenantKey);
    const queued = await this.queue.inTransaction(async (transaction) => {
      const endpoints = await this.queue.lockTenants(transaction, tenants);
      return endpoints.length === 0 ? [] : await this.queue.enqueue(transaction, endpoints, arrived, this.clock.now());
    });
    if (queued.length > 0) {
      this.queuedTotal.inc(queued.length);
      this.deliveries.wake();
    }
    return {};
  }
}

/** Filters look at the severity and the domain, which are in the body. */
function queuedOf(notification: Notification): Queued {
  const { id, tenantKey, alertKey, type, body } = notification;
  const { data } = JSON.parse(body) as { data?: { severity?: string; domain?: string } };
  return { id, tenantKey, alertKey, type, body, severity: data?.severity, domain: data?.domain ?? undefined };
}
