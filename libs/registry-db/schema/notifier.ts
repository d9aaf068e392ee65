import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { tenants } from './access.js';
import { instant, key } from './columns.js';

/** Where a tenant wants to be told, by webhook. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    name: text('name').notNull(),
    url: text('url').notNull(),
    /** validating: waits for the CloudEvents handshake. disabled: nothing is sent; what comes is held until its deadline. */
    status: text('status', { enum: ['validating', 'active', 'disabled'] }).notNull(),
    /** Why it is disabled, '' otherwise. */
    statusReason: text('status_reason').notNull().default(''),
    /** Filters; an empty list lets everything through (operational events must be named). */
    eventTypes: jsonb('event_types').$type<string[]>().notNull(),
    severities: jsonb('severities').$type<string[]>().notNull(),
    domains: jsonb('domains').$type<string[]>().notNull(),
    /** Sealed `whsec_` secrets. */
    secret: text('secret').notNull(),
    previousSecret: text('previous_secret'),
    previousSecretUntil: instant('previous_secret_until'),
    validationHandshake: boolean('validation_handshake').notNull(),
    /** The sequence of its latest delivery. */
    sequence: bigint('sequence', { mode: 'number' }).notNull().default(0),
    health: text('health', { enum: ['unknown', 'healthy', 'failing'] })
      .notNull()
      .default('unknown'),
    consecutiveFailures: integer('consecutive_failures').notNull().default(0),
    lastSuccessAt: instant('last_success_at'),
    lastFailureAt: instant('last_failure_at'),
    lastError: text('last_error'),
    /** The endpoint asked for a pause (Retry-After). */
    pausedUntil: instant('paused_until'),
    /** Raised by every change that a person made: the ETag of REST. */
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('webhook_endpoints_tenant').on(table.tenantKey, table.key)],
);

/** One notification for one endpoint: its queue entry while pending, its log afterwards. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    key: key(),
    endpointKey: uuid('endpoint_key')
      .notNull()
      .references(() => webhookEndpoints.key, { onDelete: 'cascade' }),
    tenantKey: uuid('tenant_key').notNull(),
    /** The webhook id: the same on every retry and replay. */
    notificationId: uuid('notification_id').notNull(),
    /** Deliveries of one endpoint that share it go out one after the other. */
    alertKey: uuid('alert_key').notNull(),
    /** 1, 2, 3 ... per endpoint, without gaps. */
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    type: text('type').notNull(),
    body: text('body').notNull(),
    status: text('status', { enum: ['pending', 'delivered', 'dead'] }).notNull(),
    /** Attempts since it was queued or replayed. */
    attempts: integer('attempts').notNull().default(0),
    /** When it may be tried; null while another of its alert is before it. While it is being tried: when its claim lapses. */
    nextAttemptAt: instant('next_attempt_at'),
    /** No further attempt is planned past it. */
    deadline: instant('deadline').notNull(),
    createdAt: instant('created_at').notNull(),
    finishedAt: instant('finished_at'),
    lastError: text('last_error'),
  },
  (table) => [
    uniqueIndex('webhook_deliveries_once').on(table.endpointKey, table.notificationId),
    uniqueIndex('webhook_deliveries_sequence').on(table.endpointKey, table.sequence),
    index('webhook_deliveries_due')
      .on(table.endpointKey, table.nextAttemptAt)
      .where(sql`status = 'pending' and next_attempt_at is not null`),
    index('webhook_deliveries_queue')
      .on(table.endpointKey, table.alertKey, table.sequence)
      .where(sql`status = 'pending'`),
    index('webhook_deliveries_pending_deadline').on(table.deadline).where(sql`status = 'pending'`),
    index('webhook_deliveries_finished').on(table.finishedAt).where(sql`status <> 'pending'`),
  ],
);

/** The delivery log: what came of each attempt. */
export const webhookAttempts = pgTable(
  'webhook_attempts',
  {
    key: key(),
    deliveryKey: uuid('delivery_key')
      .notNull()
      .references(() => webhookDeliveries.key, { onDelete: 'cascade' }),
    attempt: integer('attempt').notNull(),
    at: instant('at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** The HTTP status, null where there was no answer. */
    status: integer('status'),
    /** '' where it was delivered. */
    error: text('error').notNull(),
    /** The first bytes of the answer, as text. */
    answer: text('answer').notNull(),
  },
  (table) => [index('webhook_attempts_delivery').on(table.deliveryKey, table.key)],
);

/** What operators must know of an endpoint: failing, recovered, disabled, a delivery given up. */
export const webhookEndpointEvents = pgTable(
  'webhook_endpoint_events',
  {
    key: key(),
    endpointKey: uuid('endpoint_key')
      .notNull()
      .references(() => webhookEndpoints.key, { onDelete: 'cascade' }),
    kind: text('kind', {
      enum: ['validated', 'failing', 'recovered', 'disabled', 'enabled', 'delivery_dead'],
    }).notNull(),
    at: instant('at').notNull(),
    detail: text('detail').notNull(),
  },
  (table) => [index('webhook_endpoint_events_endpoint').on(table.endpointKey, table.key)],
);

/** Addresses that are not public and that a tenant's endpoints may be on, allowed by a system administrator. */
export const webhookTargets = pgTable(
  'webhook_targets',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    /** `10.20.0.0/16` */
    cidr: text('cidr').notNull(),
    port: integer('port').notNull(),
    note: text('note').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [uniqueIndex('webhook_targets_once').on(table.tenantKey, table.cidr, table.port)],
);
