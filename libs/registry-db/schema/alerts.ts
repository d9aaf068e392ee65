import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { tenants } from './access.js';
import { instant, key } from './columns.js';

/** Something that needs a person, kept open for one (tenant, rule, subject). Rules and devices are not referenced: alerts outlive them. */
export const alerts = pgTable(
  'alerts',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    ruleKey: uuid('rule_key').notNull(),
    ruleRevision: integer('rule_revision').notNull(),
    /** The device key, or the group (a building) of a group rule. */
    subject: text('subject').notNull(),
    /** The device that raised it. */
    deviceKey: uuid('device_key').notNull(),
    /** Chosen at opening and kept, so that its notifications stay in order. */
    lane: text('lane', { enum: ['urgent', 'bulk'] }).notNull(),
    status: text('status', { enum: ['open', 'acknowledged', 'cleared'] }).notNull(),
    /** The worst since opening. */
    severity: text('severity', { enum: ['critical', 'major', 'minor', 'warning', 'info'] }).notNull(),
    titleZh: text('title_zh').notNull(),
    titleEn: text('title_en').notNull(),
    /** The latest evidence. */
    evidence: jsonb('evidence').$type<Record<string, unknown>>().notNull(),
    occurrences: integer('occurrences').notNull(),
    /** Event time of the first and the latest evidence. */
    firstAt: instant('first_at').notNull(),
    lastAt: instant('last_at').notNull(),
    openedAt: instant('opened_at').notNull(),
    acknowledgedAt: instant('acknowledged_at'),
    acknowledgedBy: text('acknowledged_by'),
    clearedAt: instant('cleared_at'),
    clearedKind: text('cleared_kind', { enum: ['rule', 'person'] }),
    clearedBy: text('cleared_by'),
    clearReason: text('clear_reason'),
    assigneeKey: uuid('assignee_key'),
    assigneeName: text('assignee_name'),
    /** The timeline entry that coalesces the present run of repetitions, and how many it holds. */
    repeatEntryKey: uuid('repeat_entry_key'),
    repeatCount: integer('repeat_count').notNull().default(0),
    /** Raised by every change: the ETag of REST. */
    revision: integer('revision').notNull(),
  },
  (table) => [
    uniqueIndex('alerts_one_open').on(table.tenantKey, table.ruleKey, table.subject).where(sql`status <> 'cleared'`),
    index('alerts_subject').on(table.tenantKey, table.ruleKey, table.subject, table.key),
    index('alerts_tenant').on(table.tenantKey, table.key),
    index('alerts_device').on(table.deviceKey, table.key),
    index('alerts_open').on(table.key).where(sql`status <> 'cleared'`),
  ],
);

/** What happened to an alert, in order of `key`. */
export const alertTimeline = pgTable(
  'alert_timeline',
  {
    key: key(),
    alertKey: uuid('alert_key')
      .notNull()
      .references(() => alerts.key),
    kind: text('kind', {
      enum: ['raised', 'repeated', 'acknowledged', 'commented', 'escalated', 'assigned', 'cleared'],
    }).notNull(),
    at: instant('at').notNull(),
    /** The latest of coalesced repetitions. */
    until: instant('until'),
    actorKind: text('actor_kind', { enum: ['rule', 'person'] }).notNull(),
    actorKey: uuid('actor_key').notNull(),
    /** '' for a rule. */
    actorName: text('actor_name').notNull(),
    detail: jsonb('detail').$type<Record<string, unknown>>().notNull(),
  },
  (table) => [
    index('alert_timeline_alert').on(table.alertKey, table.key),
    // What a message led to. Few entries name none, and a timeline is written seldom.
    index('alert_timeline_message').on(sql`(detail ->> 'messageId')`),
  ],
);

/** Transitions already applied: one that comes again, whatever its position, is ignored. */
export const alertTransitions = pgTable(
  'alert_transitions',
  { id: text('id').primaryKey(), appliedAt: instant('applied_at').notNull() },
  (table) => [index('alert_transitions_applied').on(table.appliedAt)],
);

/** How far things have come: `transitions/urgent/3` (the stage), `outbox/assigned` and `outbox/relayed` (sequences). */
export const alertCursors = pgTable('alert_cursors', {
  name: text('name').primaryKey(),
  position: bigint('position', { mode: 'number' }).notNull(),
});

/** The outbox: what consumers are told, frozen in the transaction that caused it. Also what `GET events` reads. */
export const notifications = pgTable(
  'notifications',
  {
    /** Assigned in commit order: whoever has read up to n has missed nothing below n. */
    sequence: bigint('sequence', { mode: 'number' }).primaryKey(),
    id: uuid('id').notNull().unique(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    alertKey: uuid('alert_key').notNull(),
    lane: text('lane', { enum: ['urgent', 'bulk'] }).notNull(),
    type: text('type').notNull(),
    at: instant('at').notNull(),
    /** CloudEvents 1.0 JSON, under 20 KB. */
    body: text('body').notNull(),
  },
  (table) => [
    index('notifications_tenant').on(table.tenantKey, table.sequence),
    index('notifications_at').on(table.at),
  ],
);
