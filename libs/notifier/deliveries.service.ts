import { Inject } from '@nestjs/common';
import { validate as isUuid } from 'uuid';
import { type Principal, tenantScope } from '#libs/access';
import { CLOCK, type Clock, decodeCursor, invalid, type Page, toPage } from '#libs/runtime';
import type {
  DeliveryQuery,
  DeliveryView,
  DeliveryWithAttempts,
  EventsPage,
  EventsQuery,
  ReplayRange,
  ReplayResult,
} from './deliveries.dto.js';
import { DeliveryQueueRepository, type DeliveryRow, type EndpointRow } from './delivery-queue.repository.js';
import { attemptView, deliveryView } from './endpoint-views.js';
import { EndpointsRepository, queuedBetween, thisDelivery } from './endpoints.repository.js';
import { deliveryNotFound, deliveryPending, endpointNotFound } from './notifier.errors.js';

/** Deliveries that one call sends again. */
const replayLimit = 5_000;

/** What people do with deliveries: read their log, send them again, reconcile. */
export class DeliveriesService {
  constructor(
    @Inject(EndpointsRepository) private readonly endpoints: EndpointsRepository,
    @Inject(DeliveryQueueRepository) private readonly queue: DeliveryQueueRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(principal: Principal, endpointId: string, query: DeliveryQuery): Promise<Page<DeliveryView>> {
    await this.endpoint(principal, endpointId);
    const before = decodeCursor(query.cursor, 1)?.[0];
    if (before !== undefined && typeof before !== 'number') {
      throw invalid('cursor_invalid', 'cursor: not one this list gave.');
    }
    const rows = await this.endpoints.deliveries(endpointId, query.status, before, query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.sequence], deliveryView);
  }

  async get(principal: Principal, id: string): Promise<DeliveryWithAttempts> {
    const row = await this.delivery(principal, id);
    const attempts = await this.endpoints.attempts(id);
    return {
      ...deliveryView(row),
      event: JSON.parse(row.body) as Record<string, unknown>,
      attemptLog: attempts.map(attemptView),
    };
  }

  /** Sends one again, under its old id. */
  async replay(principal: Principal, id: string): Promise<DeliveryView> {
    const row = await this.delivery(principal, id);
    await this.queue.inTransaction(async (transaction) => {
      await this.queue.lockEndpoints(transaction, [row.endpointKey]);
      const ended = await this.endpoints.ended(transaction, row.endpointKey, thisDelivery(id), 1);
      if (ended.length === 0) throw deliveryPending(id);
      await this.queue.revive(transaction, ended, this.clock.now());
    });
    return deliveryView(await this.delivery(principal, id));
  }

  /** Sends again what was queued in a time range, in its old order. */
  async replayRange(principal: Principal, endpointId: string, range: ReplayRange): Promise<ReplayResult> {
    await this.endpoint(principal, endpointId);
    const chosen = queuedBetween(new Date(range.from), new Date(range.to), range.include === 'all');
    return await this.queue.inTransaction(async (transaction) => {
      await this.queue.lockEndpoints(transaction, [endpointId]);
      const ended = await this.endpoints.ended(transaction, endpointId, chosen, replayLimit + 1);
      const taken = ended.slice(0, replayLimit);
      await this.queue.revive(transaction, taken, this.clock.now());
      return { replayed: taken.length, more: ended.length > replayLimit };
    });
  }

  /** What there was after a sequence: of an endpoint under its own, else of the tenant under the platform's. */
  async events(principal: Principal, query: EventsQuery): Promise<EventsPage> {
    const { after, limit, endpoint } = query;
    if (endpoint !== undefined) await this.endpoint(principal, endpoint);
    const rows =
      endpoint === undefined
        ? await this.endpoints.notificationsAfter(tenantScope(principal), after, limit)
        : await this.endpoints.eventsOf(endpoint, after, limit);
    return {
      items: rows.map(({ sequence, body }) => ({ sequence, event: JSON.parse(body) as Record<string, unknown> })),
      next: rows.at(-1)?.sequence ?? after,
    };
  }

  private async endpoint(principal: Principal, id: string): Promise<EndpointRow> {
    const row = isUuid(id) ? await this.endpoints.find(id, tenantScope(principal)) : undefined;
    if (!row) throw endpointNotFound(id);
    return row;
  }

  private async delivery(principal: Principal, id: string): Promise<DeliveryRow> {
    const row = isUuid(id) ? await this.endpoints.delivery(id, tenantScope(principal)) : undefined;
    if (!row) throw deliveryNotFound(id);
    return row;
  }
}
