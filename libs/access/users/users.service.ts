import { Inject, Injectable } from '@nestjs/common';
import { and, asc, eq, gt, ne, sql } from 'drizzle-orm';
import { DATABASE, type Database, sessions, tenants, users } from '#libs/registry-db';
import { conflict, invalid, notFound, PlatformError, requireRevision, revisionConflict } from '#libs/runtime';
import { Authenticator } from '../authenticator.js';
import { Bootstrap } from '../bootstrap.js';
import { requireGoodPassword } from '../password-rules.js';
import { Passwords } from '../passwords.js';
import { type Principal, type Role, tenantScope } from '../principal.js';
import { roleConflict } from '../role-permissions.js';
import { newPassword } from '../secret-token.js';
import type { NewUser, UserChange } from './users.dto.js';

type User = typeof users.$inferSelect;

/** Accounts of people. Nobody changes their own rights, also not with an API key of theirs, and nobody grants a reach they do not have. */
@Injectable()
export class UsersService {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Bootstrap) private readonly bootstrap: Bootstrap,
  ) {}

  /** In order of creation, after the key of the last one seen. */
  list(principal: Principal, after: string | undefined, limit: number): Promise<User[]> {
    return this.database
      .select()
      .from(users)
      .where(and(inScope(principal), after === undefined ? undefined : gt(users.key, after)))
      .orderBy(asc(users.key))
      .limit(limit);
  }

  /** Throws 404 also for another tenant's. */
  async get(principal: Principal, id: string): Promise<User> {
    const [user] = await this.database
      .select()
      .from(users)
      .where(and(eq(users.key, id), inScope(principal)));
    if (!user) throw notFound('user', id);
    return user;
  }

  /** Makes an account with a generated password, which is given back and kept nowhere. */
  async create(principal: Principal, wanted: NewUser): Promise<{ user: User; password: string }> {
    const { login, name, roles, allTenants = false } = wanted;
    requireGrantable(principal, roles, allTenants);
    const tenantKey = await this.tenantFor(principal, wanted.tenantId);
    const password = newPassword();
    const passwordHash = await this.passwords.hash(password);
    const [user] = await this.database
      .insert(users)
      .values({ tenantKey, login: login.toLowerCase(), name, roles, allTenants, passwordHash })
      .onConflictDoNothing({ target: users.login })
      .returning();
    if (!user) throw conflict('login_taken', `login: "${login.toLowerCase()}" is taken. Choose another.`);
    return { user, password };
  }

  async change(principal: Principal, id: string, wanted: UserChange, expected: number | undefined): Promise<User> {
    const user = await this.changeable(principal, id);
    requireRevision(expected, user.revision);
    requireGrantable(principal, wanted.roles ?? (user.roles as Role[]), wanted.allTenants ?? user.allTenants);
    const [changed] = await this.database
      .update(users)
      .set({ ...wanted, revision: sql`${users.revision} + 1` })
      .where(and(eq(users.key, id), eq(users.revision, user.revision)))
      .returning();
    if (!changed) throw revisionConflict(user.revision + 1);
    if (changed.disabled) await this.database.delete(sessions).where(eq(sessions.userKey, id));
    this.authenticator.forget();
    return changed;
  }

  /** Sets a generated password, given back once, and ends the account's sessions. */
  async resetPassword(principal: Principal, id: string): Promise<string> {
    await this.changeable(principal, id);
    const password = newPassword();
    await this.setPassword(id, password, true, undefined);
    return password;
  }

  /** Throws 400 `password_weak`. The session that asks goes on; every other one ends. */
  async changeOwnPassword(user: User, password: string, sessionKey: string | undefined): Promise<void> {
    requireGoodPassword(password, user.login);
    await this.setPassword(user.key, password, false, sessionKey);
    this.bootstrap.passwordChanged(user.login);
  }

  private async setPassword(
    key: string,
    password: string,
    initial: boolean,
    keepSession: string | undefined,
  ): Promise<void> {
    const passwordHash = await this.passwords.hash(password);
    await this.database.transaction(async (transaction) => {
      await transaction.update(users).set({ passwordHash, passwordInitial: initial }).where(eq(users.key, key));
      const others = keepSession === undefined ? undefined : ne(sessions.key, keepSession);
      await transaction.delete(sessions).where(and(eq(sessions.userKey, key), others));
    });
    this.authenticator.forget();
  }

  private async changeable(principal: Principal, id: string): Promise<User> {
    const user = await this.get(principal, id);
    if (user.key === principal.accountKey) {
      throw conflict(
        'own_account',
        'Nobody changes the rights of their own account. Ask another security administrator.',
      );
    }
    if (user.allTenants && !principal.allTenants) {
      throw new PlatformError(
        403,
        'platform_account',
        'Only an administrator of every tenant may change this account.',
      );
    }
    return user;
  }

  private async tenantFor(principal: Principal, wanted: string | undefined): Promise<string> {
    if (wanted === undefined || wanted === principal.tenantKey) return principal.tenantKey;
    const [tenant] = principal.allTenants
      ? await this.database.select().from(tenants).where(eq(tenants.key, wanted))
      : [];
    if (!tenant) throw notFound('tenant', wanted);
    return tenant.key;
  }
}

function inScope(principal: Principal) {
  const scope = tenantScope(principal);
  return scope === undefined ? undefined : eq(users.tenantKey, scope);
}

function requireGrantable(principal: Principal, roles: readonly Role[], allTenants: boolean): void {
  const problem = roleConflict(roles);
  if (problem) throw invalid('roles_conflict', `roles: ${problem}`, { errors: [{ field: 'roles', problem }] });
  if (allTenants && !principal.allTenants) {
    throw new PlatformError(403, 'reach_not_yours', 'allTenants: only an administrator of every tenant may grant it.');
  }
}
