import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { sql } from 'drizzle-orm';
import { Client } from 'pg';
import { type Environment, HEALTH, type Health, LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { freePort, serverOffer } from '#libs/runtime/testing';
import { DATABASE, type Database, RegistryDbModule, tenants } from './index.js';
import { migrateRegistry, registryState } from './migrate.js';
import { openTestRegistry, type TestRegistry } from './testing/index.js';
import { markUnknownMigration, runFirstMigration } from './testing/older-registry.js';
import { describeRegistry } from './testing/registry.contract.js';

const offer = serverOffer('postgresql');
const open = () => openTestRegistry('postgresql');

async function openApp(settings: Environment): Promise<INestApplicationContext> {
  const environment = { LOG_LEVEL: 'silent', REGISTRY_KIND: 'postgresql', ...settings };
  class App {}
  Module({ imports: [RuntimeModule.forRoot({ app: 'test', environment }), RegistryDbModule] })(App);
  return NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
}
const lifecycleOf = (app: INestApplicationContext) => app.get<Lifecycle>(LIFECYCLE);
const healthOf = (app: INestApplicationContext) => app.get<Health>(HEALTH).state();

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

(offer.available ? describe : describe.skip)(`on ${offer.title}`, () => {
  describeRegistry(offer.title, open);

  describe('an app', () => {
    let registry: TestRegistry;
    beforeAll(async () => {
      registry = await open();
    }, 60_000);
    afterAll(() => registry.stop());

    it('starts when its server does, is not ready while that is down, and recovers', async () => {
      if (!registry.server) return;
      await registry.server.kill();
      const app = await openApp({ REGISTRY_URL: registry.url });
      const starting = lifecycleOf(app).start();
      await until(async () => /registry-db waits/.test((await healthOf(app)).checks.process?.detail ?? ''));
      await registry.server.start();
      await starting;
      expect(await healthOf(app)).toMatchObject({ ready: true });
      await registry.server.kill();
      expect((await healthOf(app)).checks.registry).toMatchObject({ ok: false });
      await registry.server.start();
      await until(async () => (await healthOf(app)).ready);
      expect(await app.get<Database>(DATABASE).select().from(tenants)).toEqual([]);
      await lifecycleOf(app).stop();
    }, 60_000);

    it('says that a frozen server does not answer, and goes on when it runs again', async () => {
      if (!registry.server) return;
      const app = await openApp({ REGISTRY_URL: registry.url });
      await lifecycleOf(app).start();
      registry.server.pause();
      expect((await healthOf(app)).checks.registry?.detail).toContain('no answer within');
      registry.server.resume();
      await until(async () => (await healthOf(app)).ready);
      await lifecycleOf(app).stop();
    }, 60_000);

    it.each([
      ['a user unknown', (url: URL) => (url.username = 'nobody-at-all'), /REGISTRY_URL/],
      ['a database that is not there', (url: URL) => (url.pathname = '/no_such_database'), /there is no such database/],
    ])('does not wait for what a wait does not mend: %s', async (_, spoil, message) => {
      const url = new URL(registry.url);
      spoil(url);
      const app = await openApp({ REGISTRY_URL: url.href });
      await expect(lifecycleOf(app).start()).rejects.toThrow(message);
    });

    it('that ends a connection within a transaction fails the transaction, and nothing else', async () => {
      const { database } = registry;
      const failing = database.transaction(async (transaction) => {
        const { rows } = await transaction.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
        await database.execute(sql`select pg_terminate_backend(${rows[0]?.pid})`);
        // It is heard of while no query is under way.
        await new Promise((resolve) => setTimeout(resolve, 200));
        await transaction.execute(sql`select 1`);
      });
      await expect(failing).rejects.toThrow();
      expect(await database.select().from(tenants)).toEqual([]);
    });

    it('is asked to end the transaction of a process that freezes in the midst of it', async () => {
      const { rows } = await registry.database.execute(sql`show idle_in_transaction_session_timeout`);
      expect(rows).toEqual([{ idle_in_transaction_session_timeout: '15s' }]);
    });
  });

  describe('the schema', () => {
    let registry: TestRegistry;
    let empty: string;
    beforeEach(async () => {
      registry ??= await open();
      const name = `empty_${process.hrtime.bigint()}`;
      const client = new Client({ connectionString: registry.url });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      const url = new URL(registry.url);
      url.pathname = `/${name}`;
      empty = url.href;
    }, 60_000);
    afterAll(() => registry.stop());

    it('is brought up once, whichever of many processes comes first', async () => {
      expect(await registryState(empty)).toEqual({ kind: 'behind', applied: 0 });
      const found = await Promise.all(Array.from({ length: 4 }, () => migrateRegistry(empty)));
      expect(found.map(({ kind }) => kind).sort()).toEqual(['behind', 'current', 'current', 'current']);
      expect(await registryState(empty)).toEqual({ kind: 'current' });
    });

    it('of the version before is brought up with what it holds, and once', async () => {
      await runFirstMigration(empty);
      const client = new Client({ connectionString: empty });
      await client.connect();
      await client.query(`insert into tenants (key, id, name) values (gen_random_uuid(), 'city', 'City')`);
      expect(await registryState(empty)).toEqual({ kind: 'behind', applied: 1 });
      await Promise.all([migrateRegistry(empty), migrateRegistry(empty)]);
      expect(await registryState(empty)).toEqual({ kind: 'current' });
      expect((await client.query('select id from tenants')).rows).toEqual([{ id: 'city' }]);
      await client.end();
    });

    it.each(['true', 'false'])(
      'of a newer version serves while the upgrade is under way (REGISTRY_MIGRATE=%s)',
      async (migrate) => {
        await migrateRegistry(empty);
        await markUnknownMigration(empty);
        const app = await openApp({ REGISTRY_URL: empty, REGISTRY_MIGRATE: migrate });
        await lifecycleOf(app).start();
        expect(await healthOf(app)).toMatchObject({ ready: true });
        await lifecycleOf(app).stop();
      },
    );

    it.each(['true', 'false'])('that no release made is refused (REGISTRY_MIGRATE=%s)', async (migrate) => {
      await markUnknownMigration(empty);
      const app = await openApp({ REGISTRY_URL: empty, REGISTRY_MIGRATE: migrate });
      await expect(lifecycleOf(app).start()).rejects.toThrow(/its migration 0 is not this version's.*empty database/);
    });

    it('is waited for where it is not to be brought up', async () => {
      const waiting = await openApp({ REGISTRY_URL: empty, REGISTRY_MIGRATE: 'false' });
      const starting = lifecycleOf(waiting).start();
      await until(async () =>
        /schema of the registry is older/.test((await healthOf(waiting)).checks.process?.detail ?? ''),
      );
      const migrating = await openApp({ REGISTRY_URL: empty });
      await lifecycleOf(migrating).start();
      await starting;
      expect(await healthOf(waiting)).toMatchObject({ ready: true });
      await Promise.all([lifecycleOf(waiting).stop(), lifecycleOf(migrating).stop()]);
    }, 60_000);
  });
});

describe('a server that is not there', () => {
  it('is waited for until the process is stopped', async () => {
    const app = await openApp({ REGISTRY_URL: `postgresql://nobody@127.0.0.1:${await freePort()}/none` });
    const starting = lifecycleOf(app).start();
    await until(async () => /ECONNREFUSED/.test((await healthOf(app)).checks.process?.detail ?? ''));
    await lifecycleOf(app).stop();
    await starting;
    expect(await healthOf(app)).toMatchObject({ ready: false, checks: { process: { detail: 'stopping' } } });
  });
});
