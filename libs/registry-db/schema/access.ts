import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { bytes, instant, key } from './columns.js';

/** An organisation that owns devices: a city department or a utility. */
export const tenants = pgTable('tenants', {
  key: key(),
  id: text('id').notNull().unique(),
  name: text('name').notNull(),
  /** Raised by every change: the ETag of REST. */
  revision: integer('revision').notNull().default(1),
  createdAt: instant('created_at').notNull().defaultNow(),
});

/** A person who logs in. */
export const users = pgTable(
  'users',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    /** Lower case, unique on the platform. */
    login: text('login').notNull().unique(),
    name: text('name').notNull(),
    /** argon2id, PHC string. */
    passwordHash: text('password_hash').notNull(),
    /** True until the owner has chosen a password of their own. */
    passwordInitial: boolean('password_initial').notNull().default(true),
    /** `Role` of libs/access. */
    roles: text('roles').array().notNull(),
    /** Platform administrators see every tenant. */
    allTenants: boolean('all_tenants').notNull().default(false),
    disabled: boolean('disabled').notNull().default(false),
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at')
      .notNull()
      .defaultNow()
      .$onUpdate(() => sql`now()`),
  },
  (table) => [index('users_tenant').on(table.tenantKey, table.key)],
);

/** A log-in that still holds. Ends by deletion. */
export const sessions = pgTable(
  'sessions',
  {
    key: key(),
    userKey: uuid('user_key')
      .notNull()
      .references(() => users.key),
    /** SHA-256 of the token. */
    tokenHash: bytes('token_hash').notNull(),
    ip: text('ip').notNull(),
    createdAt: instant('created_at').notNull(),
    /** Moved forward at most every few seconds while the session is used. */
    lastUsedAt: instant('last_used_at').notNull(),
    /** The end however much it is used. */
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [uniqueIndex('sessions_token').on(table.tokenHash), index('sessions_user').on(table.userKey)],
);

/** A credential of a program. */
export const apiKeys = pgTable(
  'api_keys',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    /** A key never has more rights than its creator has now, and dies with the creator's account. */
    createdBy: uuid('created_by')
      .notNull()
      .references(() => users.key),
    name: text('name').notNull(),
    /** The first characters of the key, to recognise it by. */
    prefix: text('prefix').notNull(),
    /** SHA-256 of the key. */
    secretHash: bytes('secret_hash').notNull(),
    roles: text('roles').array().notNull(),
    allTenants: boolean('all_tenants').notNull().default(false),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('api_keys_secret').on(table.secretHash),
    index('api_keys_tenant').on(table.tenantKey, table.key),
  ],
);

/** Failed log-ins per account and address. */
export const loginAttempts = pgTable(
  'login_attempts',
  {
    /** As typed, lower case: there may be no such user. */
    login: text('login').notNull(),
    ip: text('ip').notNull(),
    failures: integer('failures').notNull(),
    lastAt: instant('last_at').notNull(),
    lockedUntil: instant('locked_until'),
  },
  (table) => [primaryKey({ columns: [table.login, table.ip] }), index('login_attempts_last').on(table.lastAt)],
);

/** Who did what. Append-only, each row bound to the one before by a hash. */
export const auditRecords = pgTable(
  'audit_records',
  {
    /** 1, 2, 3 ... without gaps. */
    sequence: bigint('sequence', { mode: 'number' }).primaryKey(),
    at: instant('at').notNull(),
    /** user | api_key | anonymous */
    principalKind: text('principal_kind').notNull(),
    principalKey: uuid('principal_key'),
    principalName: text('principal_name').notNull(),
    /** The tenant of who asked; null for anonymous. No reference: rows outlive what they tell of. */
    tenantKey: uuid('tenant_key'),
    method: text('method').notNull(),
    /** The route's template: `/api/v1/devices/:id`. */
    route: text('route').notNull(),
    resourceId: text('resource_id'),
    /** accepted | refused | denied | failed */
    outcome: text('outcome').notNull(),
    status: integer('status').notNull(),
    /** The problem's code where it was not accepted. */
    code: text('code'),
    ip: text('ip').notNull(),
    requestId: text('request_id').notNull(),
    previousHash: bytes('previous_hash').notNull(),
    hash: bytes('hash').notNull(),
  },
  (table) => [
    index('audit_records_tenant').on(table.tenantKey, table.sequence),
    index('audit_records_at').on(table.at),
  ],
);

/** One row: where the chain of `audit_records` ends, sealed with the master key, so that a cut end shows. */
export const auditHead = pgTable('audit_head', {
  only: boolean('only').primaryKey().default(true),
  /** Sealed JSON: {sequence, hash}. */
  sealed: text('sealed').notNull(),
});

/** Answers already given to a POST with an `Idempotency-Key`. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    principalKey: uuid('principal_key').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    /** SHA-256 of method, path and body. */
    requestHash: bytes('request_hash').notNull(),
    /** Null while the first request is under way. */
    status: integer('status'),
    /** The answer's body, sealed with the master key: it may hold a secret shown once. */
    response: text('response'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.principalKey, table.idempotencyKey] }),
    index('idempotency_keys_created').on(table.createdAt),
  ],
);
