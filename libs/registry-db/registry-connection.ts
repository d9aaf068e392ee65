import { join } from 'node:path';
import { Inject } from '@nestjs/common';
import type { Pool } from 'pg';
import {
  ConfigError,
  HEALTH,
  type Health,
  LIFECYCLE,
  type Lifecycle,
  LOGGER,
  type Logger,
  type RuntimeConfig,
  runtimeConfig,
  startOrder,
} from '#libs/runtime';
import type { Database } from './database.js';
import { EmbeddedRegistry } from './embedded-registry.js';
import { migrateRegistry } from './migrate.js';
import { openDatabase } from './open-database.js';
import { type RegistryDbConfig, registryDbConfig } from './registry-db.config.js';

/** Connects to the registry: brings the embedded engine up where that is chosen, migrates where it is ours to, and holds the pool. */
export class RegistryConnection {
  readonly database: Database;
  private readonly pool: Pool;

  constructor(
    @Inject(registryDbConfig.KEY) private readonly config: RegistryDbConfig,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
    @Inject(EmbeddedRegistry) private readonly embedded: EmbeddedRegistry,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(HEALTH) health: Health,
  ) {
    const opened = openDatabase(config.url, config.poolSize);
    this.pool = opened.pool;
    this.database = opened.database;
    // A connection lost while idle is no event: the next query opens another.
    this.pool.on('error', (error) => logger.warn({ err: error }, 'registry connection lost'));
    health.add('registry', async () => {
      await this.pool.query('select 1');
      return undefined;
    });
    lifecycle.add({
      name: 'registry-db',
      order: startOrder.engines,
      start: () => this.start(),
      stop: () => this.stop(),
    });
  }

  private async start(): Promise<void> {
    const { url, owner } = await this.bringUp();
    this.pool.options.connectionString = url;
    if (this.config.migrate === 'true' || (this.config.migrate === 'auto' && owner)) await migrateRegistry(url);
    await this.pool.query('select 1');
  }

  /** The one switch between the adapters. */
  private async bringUp(): Promise<{ url: string; owner: boolean }> {
    switch (this.config.kind) {
      case 'embedded':
        return { url: await this.embedded.start(join(this.runtime.dataDir, 'registry')), owner: true };
      case 'postgresql':
        if (!this.config.url) {
          throw new ConfigError('REGISTRY_URL is missing. Set it to postgresql://user:password@host:5432/database.');
        }
        return { url: this.config.url, owner: false };
    }
  }

  private async stop(): Promise<void> {
    await this.pool.end();
    await this.embedded.stop();
  }
}
