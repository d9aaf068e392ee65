import { Inject } from '@nestjs/common';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import {
  jsonRows,
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
      const told = endpoints.map((endpoint) => {
        const news = kept.filter(({ claimed }) => claimed.endpoint.key === endpoint.key).map(newsOf);
        return { endpoint, ...applyNews(healthOf(endpoint), news, this.config.failingAfter) };
      });
      const changed = told.map(({ endpoint, after }) => ({ ...endpoint, ...rowOfHealth(after) }));
      await this.write(transaction, kept, changed);
      await this.queue.arrange(
        transaction,
        kept.map(({ claimed }) => claimed.delivery),
        latest(kept),
      );
      for (const { endpoint, events } of told) await this.announce(transaction, endpoint, events);
      return told.flatMap(({ events }) => events);
    });
  }

  private async announce(
    transaction: Transaction,
    endpoint: EndpointRow,
    events: readonly EndpointEvent[],
  ): Promise<void> {
    if (events.length === 0) return;
    await transaction
      .insert(webhookEndpointEvents)
      .values(events.map(({ kind, at, detail }) => ({ endpointKey: endpoint.key, kind, at: new Date(at), detail })));
    await this.tellOthers(transaction, endpoint, events);
  }

  private async tellOthers(
    transaction: Transaction,
    endpoint: EndpointRow,
    events: readonly EndpointEvent[],
  ): Promise<void> {
    const others = (await this.queue.lockTenants(transaction, [endpoint.tenantKey])).filter(
      (other) => other.key !== endpoint.key,
    );
    if (others.length === 0) return;
    const queued = events.map((event) => operational(endpoint, event));
    await this.queue.enqueue(transaction, others, queued, events.at(-1)?.at ?? 0, wants);
  }

  /**
   * The log, the deliveries and their endpoints in one statement. A claim that has lapsed and was taken by another is told
   * by its count of attempts: that one's outcome stands.
   */
  private async write(transaction: Transaction, outcomes: readonly Outcome[], changed: EndpointRow[]): Promise<void> {
    const after = outcomes.map(({ claimed, endedAt, verdict }): DeliveryRow => {
      const { outcome } = verdict;
      return {
        ...claimed.delivery,
        body: '',
        status: outcome.kind === 'retry' ? 'pending' : outcome.kind,
        nextAttemptAt: outcome.kind === 'retry' ? new Date(outcome.at) : null,
        finishedAt: outcome.kind === 'retry' ? null : new Date(endedAt),
        lastError: verdict.error || null,
      };
    });
    await transaction.execute(sql`
      with logged as (
        insert into ${webhookAttempts}
        select * from jsonb_populate_recordset(
          null::${webhookAttempts}, ${jsonRows(webhookAttempts, outcomes.map(attemptOf))}::jsonb)
      ), told as (
        update ${webhookEndpoints} e
        set status = c.status, status_reason = c.status_reason, health = c.health,
          consecutive_failures = c.consecutive_failures, last_success_at = c.last_success_at,
          last_failure_at = c.last_failure_at, last_error = c.last_error, paused_until = c.paused_until
        from jsonb_populate_recordset(null::${webhookEndpoints}, ${jsonRows(webhookEndpoints, changed)}::jsonb) c
        where e.key = c.key
      )
      update ${webhookDeliveries} d
      set status = o.status, next_attempt_at = o.next_attempt_at, finished_at = o.finished_at, last_error = o.last_error
      from jsonb_populate_recordset(null::${webhookDeliveries}, ${jsonRows(webhookDeliveries, after)}::jsonb) o
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

function attemptOf({ claimed, begunAt, answer, verdict }: Outcome): typeof webhookAttempts.$inferSelect {
  return {
    key: v7(),
    deliveryKey: claimed.delivery.key,
    attempt: claimed.delivery.attempts,
    at: new Date(begunAt),
    durationMs: Math.round(answer.durationMs),
    status: answer.status ?? null,
    error: verdict.error,
    answer: answer.text,
  };
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
