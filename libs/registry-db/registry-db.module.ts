import { Global, Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { RegistryCopy } from './copy/registry-copy.js';
import { DATABASE } from './database.js';
import { EmbeddedRegistry } from './embedded-registry.js';
import { Leases } from './leases.js';
import { RegistryConnection } from './registry-connection.js';
import { registryDbConfig } from './registry-db.config.js';
import { RestoreCheck } from './restore-check.js';

/** The registry, for every module that keeps something there: inject `DATABASE`. */
@Global()
@Module({
  providers: [
    configProvider(registryDbConfig),
    EmbeddedRegistry,
    RegistryConnection,
    Leases,
    RegistryCopy,
    RestoreCheck,
    {
      provide: DATABASE,
      useFactory: (connection: RegistryConnection) => connection.database,
      inject: [RegistryConnection],
    },
  ],
  exports: [DATABASE, EmbeddedRegistry, Leases, RegistryCopy],
})
export class RegistryDbModule {}
