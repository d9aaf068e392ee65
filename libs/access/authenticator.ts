import { Inject, Injectable } from '@nestjs/common';
import { and, eq, gt, isNull, or } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { apiKeys, DATABASE, type Database, sessions, users } from '#libs/registry-db';
import { CLOCK, type Clock } from '#libs/runtime';
import { type AccessConfig, accessConfig } from './access.config.js';
import type { Principal, Role } from './principal.js';
import { permissionsOf } from './role-permissions.js';
import { hashToken } from './secret-token.js';

/** A principal before the request's address is known, and the session it came by. */
type Resolved = Omit<Principal, 'ip'> & { sessionKey?: string };

/** How long a token is believed without asking the registry: log-out, disabling and role changes hold after at most this. */
export const tokenCacheMs = 2_000;
/** A session's last use is written at most so often. */
const touchEveryMs = 10_000;
const maxCachedTokens = 10_000;

/** Tells who a bearer token belongs to. */
@Injectable()
export class Authenticator {
  private readonly cache = new LRUCache<string, { at: number; resolved: Resolved | 'unknown' }>({
    max: maxCachedTokens,
  });

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
  ) {}

  /**
   * The principal of a session token or API key that holds now; undefined for any other. `touch` false does not count as
   * use of the session: a page that only listens must not keep it alive.
   */
  async authenticate(
    token: string,
    ip: string,
    touch = true,
  ): Promise<(Principal & { sessionKey?: string }) | undefined> {
    const hash = hashToken(token);
    const cacheKey = hash.toString('base64');
    const now = this.clock.now();
    const cached = this.cache.get(cacheKey);
    const fresh = cached && now - cached.at < tokenCacheMs && now >= cached.at ? cached : undefined;
    const resolved = fresh?.resolved ?? (await this.resolve(token, hash, now, touch)) ?? 'unknown';
    if (!fresh && (touch || resolved === 'unknown')) this.cache.set(cacheKey, { at: now, resolved });
    return resolved === 'unknown' ? undefined : { ...resolved, ip };
  }

  /** Forgets what is cached, so that this process acts on a change at once; others follow within `tokenCacheMs`. */
  forget(): void {
    this.cache.clear();
  }

  private resolve(token: string, hash: Buffer, now: number, touch: boolean): Promise<Resolved | undefined> {
    if (token.startsWith('css_')) return this.resolveSession(hash, now, touch);
    if (token.startsWith('csk_')) return this.resolveApiKey(hash, now);
    return Promise.resolve(undefined);
  }

  private async resolveSession(hash: Buffer, now: number, touch: boolean): Promise<Resolved | undefined> {
    const idleMs = this.config.sessionIdleMinutes * 60_000;
    const [row] = await this.database
      .select({ session: sessions, user: users })
      .from(sessions)
      .innerJoin(users, eq(users.key, sessions.userKey))
      .where(
        and(
          eq(sessions.tokenHash, hash),
          eq(users.disabled, false),
          gt(sessions.expiresAt, new Date(now)),
          gt(sessions.lastUsedAt, new Date(now - idleMs)),
        ),
      );
    if (!row) return undefined;
    if (touch && now - row.session.lastUsedAt.getTime() >= touchEveryMs) {
      await this.database
        .update(sessions)
        .set({ lastUsedAt: new Date(now) })
        .where(eq(sessions.key, row.session.key));
    }
    const { user } = row;
    const roles = user.roles as Role[];
    return {
      kind: 'user',
      key: user.key,
      accountKey: user.key,
      name: user.login,
      tenantKey: user.tenantKey,
      allTenants: user.allTenants,
      roles,
      permissions: permissionsOf(roles),
      sessionKey: row.session.key,
    };
  }

  private async resolveApiKey(hash: Buffer, now: number): Promise<Resolved | undefined> {
    const [row] = await this.database
      .select({ apiKey: apiKeys, creator: users })
      .from(apiKeys)
      .innerJoin(users, eq(users.key, apiKeys.createdBy))
      .where(
        and(
          eq(apiKeys.secretHash, hash),
          eq(users.disabled, false),
          isNull(apiKeys.revokedAt),
          or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, new Date(now))),
        ),
      );
    if (!row) return undefined;
    const { apiKey, creator } = row;
    const roles = (apiKey.roles as Role[]).filter((role) => creator.roles.includes(role));
    return {
      kind: 'api_key',
      key: apiKey.key,
      accountKey: creator.key,
      name: apiKey.name,
      tenantKey: apiKey.tenantKey,
      allTenants: apiKey.allTenants && creator.allTenants,
      roles,
      permissions: permissionsOf(roles),
    };
  }
}

/** The token of an `Authorization: Bearer` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([A-Za-z0-9_-]{20,200})$/i.exec(header ?? '')?.[1];
}
