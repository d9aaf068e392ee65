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
import { migrateRegistry, registryState } from './migrate.js';
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
    @Inject(LOGGER) private readonly logger: Logger,
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
      await this.settleSchema(url);
      await this.pool.query('select 1');
    } catch (error) {
      const fix = refusals[(error as { code?: string }).code ?? ''];
      throw fix ? new ConfigError(`The registry refuses: ${(error as Error).message}: ${fix}.`) : error;
    }
    this.isOpen = true;
  }

  /** Leaves the registry with a schema that this version can use, or throws. */
  private async settleSchema(url: string): Promise<void> {
    const state = this.config.migrate ? await migrateRegistry(url) : await registryState(url);
    if (state.kind === 'behind') {
      if (this.config.migrate) return this.logger.info({ from: state.applied }, 'registry schema brought up to date');
      throw new SchemaBehindError(
        'The schema of the registry is older than this release, and REGISTRY_MIGRATE is false here: start a process of this release with REGISTRY_MIGRATE=true.',
      );
    }
    if (state.kind !== 'ahead') return;
    // On a server it is an upgrade under way, and migrations only add; a folder has been left by a newer version for good.
    if (this.config.kind === 'embedded') {
      throw new ConfigError(
        `The registry in DATA_DIR was brought further by a newer version (${state.unknown} migrations that this one does not know). Run that version or a newer one, or restore a backup made before the upgrade. Nothing was changed.`,
      );
    }
    this.logger.warn(
      { unknown: state.unknown },
      'a newer version has migrated the registry: finish the upgrade, or go back one version at most',
    );
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
