import { Inject, Injectable } from '@nestjs/common';
import { and, asc, eq, gt, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Severity } from '#libs/contracts';
import { DATABASE, type Database, rules } from '#libs/registry-db';
import type { RuleDefinition, RuleScope } from './rule-definition.js';

export type RuleRow = typeof rules.$inferSelect;

/** What a rule says, without whose it is. */
export interface RuleContent {
  titleZh: string;
  titleEn: string;
  severity: Severity;
  enabled: boolean;
  scope: RuleScope;
  definition: RuleDefinition;
}

/** A rule that ships with the platform. */
export interface SeededRule extends RuleContent {
  slug: string;
}

/** The rules in the registry. */
@Injectable()
export class RulesRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** As `DirectoryRepository.horizon`: taken first, so that nothing written meanwhile is missed. */
  async horizon(): Promise<string> {
    const answer = await this.database.execute(sql`select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`);
    return (answer.rows[0] as { horizon: string }).horizon;
  }

  /** Every rule, withdrawn ones included; only those written at or after `since` where given. */
  written(since: string | undefined): Promise<RuleRow[]> {
    const query = this.database.select().from(rules);
    return since === undefined ? query : query.where(sql`${rules.changed} >= ${since}::xid8`);
  }

  /** Rules that judge for the tenant (its own and the built-in), or for anybody; in key order after `after`. */
  page(
    filter: { tenantKey: string | undefined; builtIn: boolean | undefined; after: string | undefined },
    limit: number,
  ): Promise<RuleRow[]> {
    const conditions: (SQL | undefined)[] = [
      isNull(rules.deletedAt),
      filter.tenantKey === undefined ? undefined : or(eq(rules.tenantKey, filter.tenantKey), isNull(rules.tenantKey)),
      filter.builtIn === undefined ? undefined : filter.builtIn ? isNull(rules.tenantKey) : sql`tenant_key is not null`,
      filter.after === undefined ? undefined : gt(rules.key, filter.after),
    ];
    return this.database
      .select()
      .from(rules)
      .where(and(...conditions))
      .orderBy(asc(rules.key))
      .limit(limit);
  }

  /** A rule that judges for the tenant, or for anybody where no tenant is given. */
  async find(key: string, tenantKey: string | undefined): Promise<RuleRow | undefined> {
    const visible = tenantKey === undefined ? undefined : or(eq(rules.tenantKey, tenantKey), isNull(rules.tenantKey));
    const rows = await this.database
      .select()
      .from(rules)
      .where(and(eq(rules.key, key), isNull(rules.deletedAt), visible));
    return rows[0];
  }

  /** How many rules the tenant has of its own. */
  count(tenantKey: string): Promise<number> {
    return this.database.$count(rules, and(eq(rules.tenantKey, tenantKey), isNull(rules.deletedAt)));
  }

  /** Adds a rule; undefined where the tenant has one of that slug, or one that overrides the same built-in rule. */
  async add(
    content: RuleContent & { slug: string; tenantKey: string | null; overridesKey: string | null },
  ): Promise<RuleRow | undefined> {
    const rows = await this.database.insert(rules).values(content).onConflictDoNothing().returning();
    return rows[0];
  }

  /** Changes a rule that is still at `revision`; undefined where it is not. */
  async change(key: string, revision: number, content: Partial<RuleContent>): Promise<RuleRow | undefined> {
    const rows = await this.database
      .update(rules)
      .set({ ...content, customised: true, revision: revision + 1 })
      .where(and(eq(rules.key, key), eq(rules.revision, revision), isNull(rules.deletedAt)))
      .returning();
    return rows[0];
  }

  /** Withdraws a rule that is still at `revision`, or at any; true where it did. */
  async withdraw(key: string, revision: number | undefined, at: Date): Promise<boolean> {
    const rows = await this.database
      .update(rules)
      .set({ deletedAt: at, enabled: false, revision: sql`${rules.revision} + 1` })
      .where(
        and(
          eq(rules.key, key),
          isNull(rules.deletedAt),
          revision === undefined ? undefined : eq(rules.revision, revision),
        ),
      )
      .returning({ key: rules.key });
    return rows.length > 0;
  }

  /**
   * Brings the built-in rules to what this release says, but for those that somebody changed. Safe to run in several
   * processes at once.
   */
  async seed(shipped: readonly SeededRule[]): Promise<void> {
    const rows = await this.database
      .select()
      .from(rules)
      .where(and(isNull(rules.tenantKey), isNull(rules.deletedAt)));
    const bySlug = new Map(rows.map((row) => [row.slug, row]));
    const fresh = shipped.filter(({ slug }) => !bySlug.has(slug));
    if (fresh.length > 0)
      await this.database
        .insert(rules)
        .values([...fresh])
        .onConflictDoNothing();
    for (const { slug, ...content } of shipped) {
      const row = bySlug.get(slug);
      if (!row || row.customised || sameContent(row, content)) continue;
      await this.database
        .update(rules)
        .set({ ...content, revision: row.revision + 1 })
        .where(and(eq(rules.key, row.key), eq(rules.revision, row.revision), eq(rules.customised, false)));
    }
  }
}

function sameContent(row: RuleRow, content: RuleContent): boolean {
  return (
    row.titleZh === content.titleZh &&
    row.titleEn === content.titleEn &&
    row.severity === content.severity &&
    row.enabled === content.enabled &&
    canonical(row.scope) === canonical(content.scope) &&
    canonical(row.definition) === canonical(content.definition)
  );
}

/** JSON with sorted names: jsonb keeps no order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
