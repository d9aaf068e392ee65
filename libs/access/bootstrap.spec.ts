import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DATABASE, type Database, RegistryDbModule, users } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { AccessApiModule } from './access.module.js';
import { Bootstrap } from './bootstrap.js';
import { SessionsService } from './sessions/sessions.service.js';

describe('the first start', () => {
  let registry: TestRegistry;
  let folder: string;
  beforeAll(async () => {
    registry = await openTestRegistry();
    folder = await mkdtemp(join(tmpdir(), 'citysense-first-'));
  });
  afterAll(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  /** Starts, hands over what is to be looked at, and stops. */
  async function run<T>(
    look: (app: NestFastifyApplication) => Promise<T> | T,
    settings: Record<string, string> = {},
  ): Promise<T> {
    const environment = {
      DATA_DIR: join(folder, 'data'),
      LOG_LEVEL: 'silent',
      REGISTRY_KIND: 'postgresql',
      REGISTRY_URL: registry.url,
      ...settings,
    };
    class App {}
    Module({ imports: [RuntimeModule.forRoot({ app: 'test', environment }), RegistryDbModule, AccessApiModule] })(App);
    const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    await app.init();
    const lifecycle = app.get<Lifecycle>(LIFECYCLE);
    await lifecycle.start();
    try {
      return await look(app);
    } finally {
      await lifecycle.stop();
      await app.close();
    }
  }

  it.each([
    ['is not there', undefined, 'ENOENT'],
    ['is too weak', 'password', 'use at least 12'],
  ])('refuses a password handed over that %s', async (_, password, message) => {
    const file = join(folder, 'handed-over');
    if (password) writeFileSync(file, password);
    await expect(run(() => undefined, { INITIAL_ADMIN_PASSWORD_FILE: file })).rejects.toThrow(message);
    await expect(run(() => undefined, { INITIAL_ADMIN_PASSWORD_FILE: file })).rejects.toThrow(
      'INITIAL_ADMIN_PASSWORD_FILE',
    );
  });

  it('takes the password that is handed over, and keeps it nowhere', async () => {
    const other = await openTestRegistry();
    const settings = {
      INITIAL_ADMIN_PASSWORD_FILE: join(folder, 'handed-over'),
      DATA_DIR: join(folder, 'other'),
      REGISTRY_URL: other.url,
    };
    writeFileSync(settings.INITIAL_ADMIN_PASSWORD_FILE, 'seven quiet herons\n');
    await run(async (app) => {
      expect(app.get(Bootstrap).initialPassword).toBeUndefined();
      const { user } = await app.get(SessionsService).login('admin', 'seven quiet herons', '127.0.0.1');
      expect(user.passwordInitial).toBe(true);
    }, settings);
    expect(existsSync(join(folder, 'other', 'initial-admin-password'))).toBe(false);
    await other.stop();
  });

  it('makes one administrator, also when two processes start together', async () => {
    const passwords = await Promise.all([1, 2].map(() => run((app) => app.get(Bootstrap).initialPassword)));
    expect(passwords[0]).toMatch(/^[A-Za-z2-9]{20}$/);
    expect(passwords[1]).toBe(passwords[0]);
    const all = await run((app) => app.get<Database>(DATABASE).select().from(users));
    expect(all).toEqual([
      expect.objectContaining({
        login: 'admin',
        allTenants: true,
        passwordInitial: true,
        passwordHash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/),
        roles: ['system_administrator', 'security_administrator', 'operator'],
      }),
    ]);
  });

  it('keeps the password in a file of its own until it is changed', async () => {
    const file = join(folder, 'data', 'initial-admin-password');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await run(async (app) => {
      expect(app.get(Bootstrap).initialPassword).toHaveLength(20);
      await app.get<Database>(DATABASE).update(users).set({ passwordInitial: false });
    });
    expect(await run((app) => app.get(Bootstrap).initialPassword)).toBeUndefined();
    expect(existsSync(file)).toBe(false);
  });

  it('refuses a master key that is not the one the registry is sealed with, and one that lacks a later line', async () => {
    const file = join(folder, 'data.key');
    const right = readFileSync(file, 'utf8');
    const line = (id: string) => `${id} ${randomBytes(32).toString('base64')}\n`;
    writeFileSync(file, line('k1'));
    await expect(run(() => undefined)).rejects.toThrow(/"k1" in .*data\.key is not the one/);
    writeFileSync(file, right + line('k2'));
    await run(() => undefined);
    writeFileSync(file, right);
    await expect(run(() => undefined)).rejects.toThrow(/"k2".* is not in .*data\.key/);
  });

  it('is not repeated when the master key is lost: start-up refuses and says what to do', async () => {
    rmSync(join(folder, 'data.key'));
    await expect(run(() => undefined)).rejects.toThrow(/data\.key cannot be read .* Restore it/);
  });
});
