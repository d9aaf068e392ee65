import { Inject } from '@nestjs/common';
import { eq, sql } from 'drizzle-orm';
import { DATABASE, type Database, webhookDeliveries, webhookEndpointEvents, webhookEndpoints } from '#libs/registry-db';
import { type EndpointRow, instant } from './delivery-queue.repository.js';

/** Rows removed by one statement. */
const pruneRows = 1_000;

/** What keeps house reads and removes. */
export class UpkeepRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Endpoints that wait for their handshake, a few at a time. */
  async validating(): Promise<EndpointRow[]> {
    return await this.database
      .select()
      .from(webhookEndpoints)
      .where(eq(webhookEndpoints.status, 'validating'))
      .limit(20);
  }

  /** Ends a handshake, unless somebody has changed the endpoint meanwhile. */
  async validated(endpoint: EndpointRow, problem: string | undefined, now: number): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const changed = await transaction
        .update(webhookEndpoints)
        .set(
          problem === undefined
            ? { status: 'active', statusReason: '' }
            : { status: 'disabled', statusReason: `validation failed: ${problem}` },
        )
        .where(
          sql`${webhookEndpoints.key} = ${endpoint.key} and ${webhookEndpoints.status} = 'validating'
            and ${webhookEndpoints.revision} = ${endpoint.revision}`,
        )
        .returning({ key: webhookEndpoints.key });
      if (changed.length === 0) return;
      await transaction.insert(webhookEndpointEvents).values({
        endpointKey: endpoint.key,
        kind: problem === undefined ? 'validated' : 'disabled',
        at: new Date(now),
        detail: problem ?? '',
      });
    });
  }

  /** Removes finished deliveries older than `before` with their attempts; true where there may be more. */
  async prune(before: number): Promise<boolean> {
    const removed = await this.database.execute(sql`
      delete from ${webhookDeliveries} where key in (
        select d.key from ${webhookDeliveries} d
        where d.status <> 'pending' and d.finished_at < ${instant(before)} limit ${pruneRows}
      )`);
    return (removed.rowCount ?? 0) === pruneRows;
  }

  async pruneEvents(before: number): Promise<void> {
    await this.database.delete(webhookEndpointEvents).where(sql`${webhookEndpointEvents.at} < ${instant(before)}`);
  }

  /** How many deliveries wait, and how many endpoints are in each state. */
  async counts(): Promise<{ pending: number; endpoints: { health: string; count: number }[] }> {
    const endpoints = await this.database
      .select({
        health: sql<string>`case when ${webhookEndpoints.status} = 'active' then ${webhookEndpoints.health} else ${webhookEndpoints.status} end`,
        count: sql<number>`count(*)::int`,
      })
      .from(webhookEndpoints)
      .groupBy(sql`1`);
    const pending = await this.database
      .select({ count: sql<number>`count(*)::int` })
      .from(webhookDeliveries)
      .where(eq(webhookDeliveries.status, 'pending'));
    return { pending: pending[0]?.count ?? 0, endpoints };
  }
}
