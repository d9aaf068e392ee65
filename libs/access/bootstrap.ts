import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { eq, sql } from 'drizzle-orm';
import { DATABASE, type Database, tenants, users } from '#libs/registry-db';
import { ConfigError, LIFECYCLE, type Lifecycle, type RuntimeConfig, runtimeConfig, startOrder } from '#libs/runtime';
import { type AccessConfig, accessConfig } from './access.config.js';
import { passwordProblem } from './password-rules.js';
import { Passwords } from './passwords.js';
import { SecretBox } from './secret-box.js';
import { newPassword } from './secret-token.js';

/** The account that the first start makes. */
const firstLogin = 'admin';

/** Held while the first start makes its rows, should two processes start together. */
const bootstrapLock = 0x61636373;

/**
 * Makes the first tenant and the first administrator, with the password that the operator hands over in a
 * file, or a generated one that stays in a file of the data folder, readable by its owner alone, until it is changed. There
 * is no default password.
 */
@Injectable()
export class Bootstrap {
  /** The first administrator's generated password, while it has not been changed; for the app to print, never to log. */
  initialPassword: string | undefined;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
    @Inject(SecretBox) private readonly secretBox: SecretBox,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    const order = startOrder.engines + 1;
    lifecycle.add({ name: 'access-bootstrap', order, start: () => this.start(), stop: async () => undefined });
  }

  /** Where the password is until it is changed. */
  get passwordFile(): string {
    return join(resolve(this.runtime.dataDir), 'initial-admin-password');
  }

  /** To be called when a password was changed by its owner. */
  passwordChanged(login: string): void {
    if (login !== firstLogin) return;
    rmSync(this.passwordFile, { force: true });
    this.initialPassword = undefined;
  }

  private async start(): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await transaction.execute(sql`select pg_advisory_xact_lock(${bootstrapLock})`);
      const [someTenant] = await transaction.select({ key: tenants.key }).from(tenants).limit(1);
      if (someTenant) return;
      this.secretBox.create();
      const password = this.givenPassword() ?? this.madePassword();
      const [city] = await transaction.insert(tenants).values({ id: 'city', name: '遵义市 Zunyi' }).returning();
      if (!city) throw new Error('The first tenant was not made.');
      await transaction.insert(users).values({
        tenantKey: city.key,
        login: firstLogin,
        name: '管理员 Administrator',
        passwordHash: await this.passwords.hash(password),
        roles: ['system_administrator', 'security_administrator', 'operator'],
        allTenants: true,
      });
    });
    this.secretBox.load();
    this.initialPassword = await this.unchangedPassword();
  }

  /** The password that the operator hands over; kept nowhere else. */
  private givenPassword(): string | undefined {
    const { initialPasswordFile: file } = this.config;
    if (file === undefined) return undefined;
    try {
      const password = readFileSync(file, 'utf8').trim();
      const problem = passwordProblem(password, firstLogin);
      if (problem) throw new Error(`the password in it cannot be used: ${problem}`);
      return password;
    } catch (error) {
      throw new ConfigError(`INITIAL_ADMIN_PASSWORD_FILE is ${file}: ${(error as Error).message}.`);
    }
  }

  /** Kept before the commit: an account whose password nobody knows would lock everybody out for good. */
  private madePassword(): string {
    const password = newPassword();
    mkdirSync(resolve(this.runtime.dataDir), { recursive: true });
    rmSync(this.passwordFile, { force: true });
    writeFileSync(this.passwordFile, `${password}\n`, { mode: 0o600, flush: true });
    return password;
  }

  private async unchangedPassword(): Promise<string | undefined> {
    if (!existsSync(this.passwordFile)) return undefined;
    const [admin] = await this.database.select().from(users).where(eq(users.login, firstLogin));
    if (admin?.passwordInitial) return readFileSync(this.passwordFile, 'utf8').trim();
    rmSync(this.passwordFile, { force: true });
    return undefined;
  }
}
