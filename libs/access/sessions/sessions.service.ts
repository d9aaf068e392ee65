import { Inject, Injectable } from '@nestjs/common';
import { eq, lt } from 'drizzle-orm';
import { DATABASE, type Database, sessions, users } from '#libs/registry-db';
import { CLOCK, type Clock, PlatformError } from '#libs/runtime';
import { type AccessConfig, accessConfig } from '../access.config.js';
import { Passwords } from '../passwords.js';
import { hashToken, newToken } from '../secret-token.js';
import { Lockout } from './lockout.js';

type User = typeof users.$inferSelect;

/** Begins and ends sessions. */
@Injectable()
export class SessionsService {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(Lockout) private readonly lockout: Lockout,
  ) {}

  /** Throws 401 `login_failed`, the same for a wrong password and for no such account, or 429 `login_locked`. */
  async login(login: string, password: string, ip: string): Promise<{ token: string; expiresAt: Date; user: User }> {
    const user = await this.verify(login, password, ip);
    const now = this.clock.now();
    const token = newToken('css_');
    const expiresAt = new Date(now + this.config.sessionTotalHours * 3_600_000);
    await this.database.insert(sessions).values({
      userKey: user.key,
      tokenHash: hashToken(token),
      ip,
      createdAt: new Date(now),
      lastUsedAt: new Date(now),
      expiresAt,
    });
    return { token, expiresAt, user };
  }

  /** The account of a login and its password, counted against the lockout. Throws as `login` does. */
  async verify(login: string, password: string, ip: string): Promise<User> {
    await this.lockout.attempt(login, ip);
    const [user] = await this.database.select().from(users).where(eq(users.login, login));
    const matches = await this.passwords.verify(user?.passwordHash, password);
    if (!user || !matches || user.disabled) {
      throw new PlatformError(401, 'login_failed', 'The login or the password is wrong, or the account is disabled.');
    }
    await this.lockout.succeeded(login, ip);
    return user;
  }

  async logout(sessionKey: string): Promise<void> {
    await this.database.delete(sessions).where(eq(sessions.key, sessionKey));
  }

  /** Forgets sessions that are over. */
  async prune(): Promise<void> {
    const now = this.clock.now();
    await this.database.delete(sessions).where(lt(sessions.expiresAt, new Date(now)));
    const idleSince = new Date(now - this.config.sessionIdleMinutes * 60_000);
    await this.database.delete(sessions).where(lt(sessions.lastUsedAt, idleSince));
  }
}
