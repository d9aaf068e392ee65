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
import { isMigrated, migrateRegistry } from './migrate.js';
import { openDatabase } from './open-database.js';
import { type RegistryDbConfig, registryDbConfig } from './registry-db.config.js';

/** What a server refuses for good, with the fix; anything else passes, or is a bug. */
const refusals: Readonly<Record<string, string>> = {
  '28P01': 'the password is wrong; mend REGISTRY_URL',
  '28000': 'the server does not let this user in from here; mend REGISTRY_URL or pg_hba.conf',
  '3D000': 'there is no such database; create it, or mend REGISTRY_URL',
};
const connectionsByDefault = { embedded: 3, postgresql: 10 } as const;

/** The schema is behind, and it is another process's to bring it up. */
class SchemaBehindError extends Error {
  override readonly name = 'SchemaBehindError';
  readonly code = 'registry_schema_behind';
  readonly retryable = true;
}

/** Connects to the registry: brings the embedded engine up where that is chosen, migrates where it is ours to, and holds the pool. */
export class RegistryConnection {
  readonly database: Database;
  private readonly pool: Pool;
  private isOpen = false;

  constructor(
    @Inject(registryDbConfig.KEY) private readonly config: RegistryDbConfig,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
    @Inject(EmbeddedRegistry) private readonly embedded: EmbeddedRegistry,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(HEALTH) health: Health,
  ) {
    const opened = openDatabase(config.url, config.poolSize || connectionsByDefault[config.kind]);
    this.pool = opened.pool;
    this.database = opened.database;
    // A connection lost while idle is no event: the next query opens another.
    this.pool.on('error', (error) => logger.warn({ err: error }, 'registry connection lost'));
    health.add('registry', async () => {
      if (!this.isOpen) return 'the registry is not open';
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
    const url = await this.bringUp();
    this.pool.options.connectionString = url;
    try {
      if (this.config.migrate) await migrateRegistry(url);
      else if (!(await isMigrated(url))) {
        throw new SchemaBehindError(
          'The schema of the registry is older than this release, and REGISTRY_MIGRATE is false here: start a process of this release with REGISTRY_MIGRATE=true.',
        );
      }
      await this.pool.query('select 1');
    } catch (error) {
      const fix = refusals[(error as { code?: string }).code ?? ''];
      throw fix ? new ConfigError(`The registry refuses: ${(error as Error).message}: ${fix}.`) : error;
    }
    this.isOpen = true;
  }

  /** The one switch between the adapters; gives the URL. */
  private async bringUp(): Promise<string> {
    switch (this.config.kind) {
      case 'embedded':
        return this.embedded.url ?? (await this.embedded.start(join(this.runtime.dataDir, 'registry')));
      case 'postgresql':
        if (!this.config.url || !/^postgres(?:ql)?:\/\//.test(this.config.url)) {
          const problem = this.config.url ? 'is no PostgreSQL URL' : 'is missing';
          throw new ConfigError(`REGISTRY_URL ${problem}. Set it to postgresql://user:password@host:5432/database.`);
        }
        return this.config.url;
    }
  }

  private async stop(): Promise<void> {
    this.isOpen = false;
    await this.pool.end();
    await this.embedded.stop();
  }
}
