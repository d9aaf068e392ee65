import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HEALTH, type Health, LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { startEmbeddedRegistry } from './embedded/start-embedded.js';
import { DATABASE, type Database, EmbeddedRegistry, RegistryDbModule, tenants } from './index.js';
import { copyTestRegistry } from './testing/index.js';
import { markUnknownMigration } from './testing/older-registry.js';

describe('the registry of an app', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'citysense-registry-app-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function open(settings: Record<string, string>): Promise<INestApplicationContext> {
    const environment = { DATA_DIR: folder, LOG_LEVEL: 'silent', ...settings };
    class App {}
    Module({ imports: [RuntimeModule.forRoot({ app: 'test', environment }), RegistryDbModule] })(App);
    return NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  }
  const lifecycleOf = (app: INestApplicationContext) => app.get<Lifecycle>(LIFECYCLE);

  it('is brought up and migrated where it is embedded, and other threads reach it by its URL', async () => {
    await copyTestRegistry(join(folder, 'registry'));
    const main = await open({});
    expect(main.get(EmbeddedRegistry).url).toBeUndefined();
    await lifecycleOf(main).start();
    await main.get<Database>(DATABASE).insert(tenants).values({ id: 'city', name: 'City' });
    const thread = await open({ REGISTRY_KIND: 'postgresql', REGISTRY_URL: main.get(EmbeddedRegistry).url ?? '' });
    await lifecycleOf(thread).start();
    expect(await thread.get<Database>(DATABASE).select().from(tenants)).toHaveLength(1);
    await lifecycleOf(thread).stop();
    expect((await main.get<Health>(HEALTH).state()).ready).toBe(true);
    await lifecycleOf(main).stop();
    expect((await main.get<Health>(HEALTH).state()).checks.registry?.ok).toBe(false);
    const again = await open({});
    await lifecycleOf(again).start();
    expect(await again.get<Database>(DATABASE).select().from(tenants)).toHaveLength(1);
    await lifecycleOf(again).stop();
  }, 60_000);

  it('is refused where a newer version has left it', async () => {
    await copyTestRegistry(join(folder, 'registry'));
    const engine = await startEmbeddedRegistry(join(folder, 'registry'));
    await markUnknownMigration(engine.url);
    await engine.stop();
    const app = await open({});
    await expect(lifecycleOf(app).start()).rejects.toThrow(/a newer version \(1 migrations.*restore a backup/);
    await app.close();
  }, 60_000);

  it('needs a URL where it is a server', async () => {
    const app = await open({ REGISTRY_KIND: 'postgresql' });
    await expect(lifecycleOf(app).start()).rejects.toThrow('REGISTRY_URL is missing. Set it to');
    await app.close();
  });
});
