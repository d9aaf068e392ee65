import { Inject, Injectable } from '@nestjs/common';
import { and, eq, lt, sql } from 'drizzle-orm';
import { DATABASE, type Database, loginAttempts } from '#libs/registry-db';
import { CLOCK, type Clock, PlatformError } from '#libs/runtime';
import { type AccessConfig, accessConfig } from '../access.config.js';

/** Counts bad passwords per account and address, also for accounts that do not exist, and locks the pair. */
@Injectable()
export class Lockout {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
  ) {}

  /**
   * Counts an attempt before its password is looked at, so that attempts at the same time cannot outrun the count.
   * Throws 429 `login_locked`. `succeeded` takes the count back.
   */
  async attempt(login: string, ip: string): Promise<void> {
    const now = new Date(this.clock.now());
    const windowStart = new Date(now.getTime() - this.lockMs);
    const [row] = await this.database
      .insert(loginAttempts)
      .values({ login, ip, failures: 1, lastAt: now })
      .onConflictDoUpdate({
        target: [loginAttempts.login, loginAttempts.ip],
        set: {
          failures: sql`case when ${loginAttempts.lastAt} <= ${windowStart} then 1 else ${loginAttempts.failures} + 1 end`,
          // A locked pair stays locked for its time, however often it tries.
          lastAt: sql`case when ${loginAttempts.lastAt} > ${windowStart} and ${loginAttempts.failures} >= ${this.config.lockoutFailures} then ${loginAttempts.lastAt} else ${now} end`,
        },
      })
      .returning();
    if (!row || row.failures <= this.config.lockoutFailures) return;
    const seconds = Math.max(1, Math.ceil((row.lastAt.getTime() + this.lockMs - now.getTime()) / 1_000));
    throw new PlatformError(
      429,
      'login_locked',
      `Too many bad passwords for this account from this address. Try again in ${Math.ceil(seconds / 60)} min.`,
      {},
      { 'retry-after': String(seconds) },
    );
  }

  async succeeded(login: string, ip: string): Promise<void> {
    await this.database.delete(loginAttempts).where(and(eq(loginAttempts.login, login), eq(loginAttempts.ip, ip)));
  }

  /** Forgets pairs whose lock has passed. */
  async prune(): Promise<void> {
    await this.database.delete(loginAttempts).where(lt(loginAttempts.lastAt, new Date(this.clock.now() - this.lockMs)));
  }

  private get lockMs(): number {
    return this.config.lockoutMinutes * 60_000;
  }
}
