import { Inject } from '@nestjs/common';
import { and, asc, eq } from 'drizzle-orm';
import { DATABASE, type Database, tenants, webhookTargets } from '#libs/registry-db';
import { CLOCK, type Clock } from '#libs/runtime';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import type { AddressPolicy } from './webhook/address-policy.js';

export type WebhookTargetRow = typeof webhookTargets.$inferSelect;

/** A change of the list holds for deliveries after at most this. */
const cacheMs = 500;

/** What each tenant's webhooks may reach beyond public addresses. */
export class WebhookTargetsRepository {
  private cached: { at: number; policies: Map<string, AddressPolicy> } | undefined;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The policy of a tenant, read anew every half second. */
  async policyOf(tenantKey: string): Promise<AddressPolicy> {
    const now = this.clock.now();
    if (!this.cached || now - this.cached.at >= cacheMs || now < this.cached.at) {
      const policies = new Map<string, AddressPolicy>();
      for (const row of await this.database.select().from(webhookTargets).orderBy(asc(webhookTargets.key))) {
        const targets = [...(policies.get(row.tenantKey)?.targets ?? []), { cidr: row.cidr, port: row.port }];
        policies.set(row.tenantKey, { allowLoopback: this.config.allowLoopback, targets });
      }
      this.cached = { at: now, policies };
    }
    return this.cached.policies.get(tenantKey) ?? { allowLoopback: this.config.allowLoopback, targets: [] };
  }

  async list(tenantKey: string): Promise<WebhookTargetRow[]> {
    return await this.database
      .select()
      .from(webhookTargets)
      .where(eq(webhookTargets.tenantKey, tenantKey))
      .orderBy(asc(webhookTargets.key));
  }

  /** Undefined where the tenant has it already. */
  async add(row: Omit<WebhookTargetRow, 'key' | 'createdAt'>): Promise<WebhookTargetRow | undefined> {
    const rows = await this.database
      .insert(webhookTargets)
      .values({ ...row, createdAt: new Date(this.clock.now()) })
      .onConflictDoNothing()
      .returning();
    this.cached = undefined;
    return rows[0];
  }

  /** False where there was none. */
  async remove(tenantKey: string, key: string): Promise<boolean> {
    const mine = and(eq(webhookTargets.key, key), eq(webhookTargets.tenantKey, tenantKey));
    const rows = await this.database.delete(webhookTargets).where(mine).returning({ key: webhookTargets.key });
    this.cached = undefined;
    return rows.length > 0;
  }

  async tenantExists(tenantKey: string): Promise<boolean> {
    const rows = await this.database.select({ key: tenants.key }).from(tenants).where(eq(tenants.key, tenantKey));
    return rows.length > 0;
  }
}
