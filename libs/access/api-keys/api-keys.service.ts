import { Inject, Injectable } from '@nestjs/common';
import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import { apiKeys, DATABASE, type Database } from '#libs/registry-db';
import { CLOCK, type Clock, invalid, notFound, PlatformError } from '#libs/runtime';
import { Authenticator } from '../authenticator.js';
import { type Principal, tenantScope } from '../principal.js';
import { hashToken, newToken } from '../secret-token.js';
import type { NewApiKey } from './api-keys.dto.js';

type ApiKey = typeof apiKeys.$inferSelect;

/** Credentials of programs. Who may see all accounts sees all keys of their reach; everybody else, those they made. */
@Injectable()
export class ApiKeysService {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  list(principal: Principal, after: string | undefined, limit: number): Promise<ApiKey[]> {
    return this.database
      .select()
      .from(apiKeys)
      .where(and(inReach(principal), after === undefined ? undefined : gt(apiKeys.key, after)))
      .orderBy(asc(apiKeys.key))
      .limit(limit);
  }

  async get(principal: Principal, id: string): Promise<ApiKey> {
    const [apiKey] = await this.database
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.key, id), inReach(principal)));
    if (!apiKey) throw notFound('api_key', id);
    return apiKey;
  }

  /** Makes a key; the secret is given back and only its hash kept. */
  async create(principal: Principal, wanted: NewApiKey): Promise<{ apiKey: ApiKey; secret: string }> {
    this.requireGrantable(principal, wanted);
    const secret = newToken('csk_');
    const [apiKey] = await this.database
      .insert(apiKeys)
      .values({
        tenantKey: principal.tenantKey,
        createdBy: principal.key,
        name: wanted.name,
        prefix: secret.slice(0, 10),
        secretHash: hashToken(secret),
        roles: wanted.roles,
        allTenants: wanted.allTenants ?? false,
        expiresAt: wanted.expiresAt === undefined ? null : new Date(wanted.expiresAt),
      })
      .returning();
    if (!apiKey) throw new Error('The API key was not made.');
    return { apiKey, secret };
  }

  /** The key stops within seconds; its row stays, for the audit. */
  async revoke(principal: Principal, id: string): Promise<void> {
    const { key } = await this.get(principal, id);
    await this.database
      .update(apiKeys)
      .set({ revokedAt: new Date(this.clock.now()) })
      .where(and(eq(apiKeys.key, key), isNull(apiKeys.revokedAt)));
    this.authenticator.forget();
  }

  private requireGrantable(principal: Principal, wanted: NewApiKey): void {
    if (principal.kind !== 'user') {
      throw new PlatformError(403, 'person_only', 'An API key cannot make another. Log in as a user.');
    }
    const foreign = wanted.roles.filter((role) => !principal.roles.includes(role));
    if (foreign.length > 0) {
      throw new PlatformError(403, 'roles_not_yours', `roles: you do not hold ${foreign.join(', ')} yourself.`);
    }
    if (wanted.allTenants && !principal.allTenants) {
      throw new PlatformError(403, 'reach_not_yours', 'allTenants: you do not see every tenant yourself.');
    }
    if (wanted.expiresAt !== undefined && Date.parse(wanted.expiresAt) <= this.clock.now()) {
      const problem = 'must lie in the future';
      throw invalid('validation_failed', `expiresAt: ${problem}`, { errors: [{ field: 'expiresAt', problem }] });
    }
  }
}

function inReach(principal: Principal) {
  const scope = tenantScope(principal);
  return and(
    scope === undefined ? undefined : eq(apiKeys.tenantKey, scope),
    principal.permissions.has('users:read') ? undefined : eq(apiKeys.createdBy, principal.key),
  );
}
