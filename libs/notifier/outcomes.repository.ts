import { Inject } from '@nestjs/common';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import {
  type Transaction,
  webhookAttempts,
  webhookDeliveries,
  webhookEndpointEvents,
  webhookEndpoints,
} from '#libs/registry-db';
import type { Verdict } from './delivery.js';
import {
  type Claimed,
  DeliveryQueueRepository,
  type DeliveryRow,
  type EndpointRow,
  instant,
  type Queued,
} from './delivery-queue.repository.js';
import { applyNews, type EndpointEvent, type EndpointHealth, type EndpointNews, wants } from './endpoint.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import type { Answer } from './webhook/webhook-client.js';

/** An attempt that has been made, and what it means. */
export interface Outcome {
  claimed: Claimed;
  begunAt: number;
  endedAt: number;
  answer: Answer;
  verdict: Verdict;
}

/** Keeps what came of attempts: the log, the deliveries, and how their endpoints are doing. */
export class OutcomesRepository {
  constructor(
    @Inject(DeliveryQueueRepository) private readonly queue: DeliveryQueueRepository,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
  ) {}

  /** Writes a batch of outcomes in one transaction; answers with what operators must know. */
  async record(outcomes: readonly Outcome[]): Promise<EndpointEvent[]> {
    return await this.queue.inTransaction(async (transaction) => {
      const keys = outcomes.map((outcome) => outcome.claimed.endpoint.key);
      const endpoints = await this.queue.lockEndpoints(transaction, keys);
      const there = new Set(endpoints.map((endpoint) => endpoint.key));
      // Deleted meanwhile, with its deliveries: there is nothing to write to.
      const kept = outcomes.filter((outcome) => there.has(outcome.claimed.endpoint.key));
      if (kept.length === 0) return [];
      await this.writeAttempts(transaction, kept);
      await this.writeDeliveries(transaction, kept);
      await this.queue.arrange(
        transaction,
        kept.map(({ claimed }) => claimed.delivery),
        latest(kept),
      );
      const events: EndpointEvent[] = [];
      for (const endpoint of endpoints) {
        const news = kept.filter(({ claimed }) => claimed.endpoint.key === endpoint.key).map(newsOf);
        events.push(...(await this.writeNews(transaction, endpoint, news)));
      }
      return events;
    });
  }

  /** Applies news of a locked endpoint: its health, its events, and word to the tenant's other endpoints. */
  async writeNews(
    transaction: Transaction,
    endpoint: EndpointRow,
    news: readonly EndpointNews[],
  ): Promise<EndpointEvent[]> {
    const { after, events } = applyNews(healthOf(endpoint), news, this.config.failingAfter);
    await transaction.update(webhookEndpoints).set(rowOfHealth(after)).where(eq(webhookEndpoints.key, endpoint.key));
    if (events.length === 0) return events;
    await transaction
      .insert(webhookEndpointEvents)
      .values(events.map(({ kind, at, detail }) => ({ endpointKey: endpoint.key, kind, at: new Date(at), detail })));
    await this.tellOthers(transaction, endpoint, events);
    return events;
  }

  private async tellOthers(transaction: Transaction, endpoint: EndpointRow, events: EndpointEvent[]): Promise<void> {
    const others = (await this.queue.lockTenants(transaction, [endpoint.tenantKey])).filter(
      (other) => other.key !== endpoint.key,
    );
    if (others.length === 0) return;
    const queued = events.map((event) => operational(endpoint, event));
    await this.queue.enqueue(transaction, others, queued, events.at(-1)?.at ?? 0, wants);
  }

  private async writeAttempts(transaction: Transaction, outcomes: readonly Outcome[]): Promise<void> {
    await transaction.insert(webhookAttempts).values(
      outcomes.map(({ claimed, begunAt, answer, verdict }) => ({
        deliveryKey: claimed.delivery.key,
        attempt: claimed.delivery.attempts,
        at: new Date(begunAt),
        durationMs: Math.round(answer.durationMs),
        status: answer.status ?? null,
        error: verdict.error,
        answer: answer.text,
      })),
    );
  }

  /** A claim that has lapsed and was taken by another is told by its count of attempts: that one's outcome stands. */
  private async writeDeliveries(transaction: Transaction, outcomes: readonly Outcome[]): Promise<void> {
    const column = <T>(read: (outcome: Outcome) => T) => sql.param(outcomes.map(read));
    await transaction.execute(sql`
      update ${webhookDeliveries} d
      set status = o.status, next_attempt_at = o.next_attempt_at, finished_at = o.finished_at, last_error = o.error
      from unnest(
        ${column(({ claimed }) => claimed.delivery.key)}::uuid[],
        ${column(({ claimed }) => claimed.delivery.attempts)}::int[],
        ${column(({ verdict }) => (verdict.outcome.kind === 'retry' ? 'pending' : verdict.outcome.kind))}::text[],
        ${column(({ verdict }) => (verdict.outcome.kind === 'retry' ? iso(verdict.outcome.at) : null))}::timestamptz[],
        ${column(({ verdict, endedAt }) => (verdict.outcome.kind === 'retry' ? null : iso(endedAt)))}::timestamptz[],
        ${column(({ verdict }) => verdict.error || null)}::text[]
      ) as o (key, attempts, status, next_attempt_at, finished_at, error)
      where d.key = o.key and d.attempts = o.attempts and d.status = 'pending'`);
  }

  /**
   * Gives up what disabled endpoints have held past its deadline; returns how many. `bury` runs before the commit, so
   * that nothing is given up unseen.
   */
  async giveUp(now: number, limit: number, bury: (given: readonly DeliveryRow[]) => Promise<void>): Promise<number> {
    return await this.queue.inTransaction(async (transaction) => {
      const held = await transaction.execute<{ key: string; endpoint_key: string }>(sql`
        select d.key, d.endpoint_key from ${webhookDeliveries} d
        join ${webhookEndpoints} e on e.key = d.endpoint_key
        where d.status = 'pending' and d.deadline < ${instant(now)} and e.status <> 'active'
        limit ${limit}`);
      if (held.rows.length === 0) return 0;
      const keys = held.rows.map((row) => row.key);
      const endpoints = await this.queue.lockEndpoints(
        transaction,
        held.rows.map((row) => row.endpoint_key),
      );
      const given = await transaction
        .update(webhookDeliveries)
        .set({
          status: 'dead',
          finishedAt: new Date(now),
          nextAttemptAt: null,
          lastError: 'held by a disabled endpoint',
        })
        .where(and(inArray(webhookDeliveries.key, keys), eq(webhookDeliveries.status, 'pending')))
        .returning();
      await this.queue.arrange(transaction, given, now);
      for (const endpoint of endpoints) {
        const count = given.filter((delivery) => delivery.endpointKey === endpoint.key).length;
        const detail = `${count} deliveries, held by a disabled endpoint`;
        const event = { endpointKey: endpoint.key, kind: 'delivery_dead' as const, at: new Date(now), detail };
        if (count > 0) await transaction.insert(webhookEndpointEvents).values(event);
      }
      await bury(given);
      return held.rows.length;
    });
  }
}

function newsOf({ claimed, endedAt, verdict }: Outcome): EndpointNews {
  return {
    at: endedAt,
    delivered: verdict.outcome.kind === 'delivered',
    error: verdict.error,
    disable: verdict.disable,
    pauseUntil: verdict.pauseUntil,
    dead: verdict.outcome.kind === 'dead',
    sequence: claimed.delivery.sequence,
  };
}

function healthOf(row: EndpointRow): EndpointHealth {
  return {
    status: row.status,
    statusReason: row.statusReason,
    health: row.health,
    consecutiveFailures: row.consecutiveFailures,
    lastSuccessAt: row.lastSuccessAt?.getTime(),
    lastFailureAt: row.lastFailureAt?.getTime(),
    lastError: row.lastError ?? undefined,
    pausedUntil: row.pausedUntil?.getTime(),
  };
}

function rowOfHealth(health: EndpointHealth) {
  const date = (at: number | undefined) => (at === undefined ? null : new Date(at));
  return {
    status: health.status,
    statusReason: health.statusReason,
    health: health.health,
    consecutiveFailures: health.consecutiveFailures,
    lastSuccessAt: date(health.lastSuccessAt),
    lastFailureAt: date(health.lastFailureAt),
    lastError: health.lastError ?? null,
    pausedUntil: date(health.pausedUntil),
  };
}

/** News of an endpoint as a notification; its queue is the endpoint, so that news of one come in order. */
function operational(endpoint: EndpointRow, event: EndpointEvent): Queued {
  const id = v7();
  const type = `cn.citysense.endpoint.${event.kind}`;
  const body = {
    specversion: '1.0',
    id,
    source: 'urn:citysense:notifier',
    type,
    subject: `endpoints/${endpoint.key}`,
    time: iso(event.at),
    datacontenttype: 'application/json',
    data: { endpoint: { id: endpoint.key, name: endpoint.name, url: endpoint.url }, detail: event.detail },
  };
  return {
    id,
    tenantKey: endpoint.tenantKey,
    alertKey: endpoint.key,
    type,
    body: JSON.stringify(body),
    severity: undefined,
    domain: undefined,
  };
}

function latest(outcomes: readonly Outcome[]): number {
  return Math.max(...outcomes.map((outcome) => outcome.endedAt));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
