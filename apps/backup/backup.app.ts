import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackupModule } from '#libs/backup';
import { RegistryDbModule } from '#libs/registry-db';
import { type Environment, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { TelemetryStoreModule } from '#libs/telemetry-store';

/** The engines, and what copies them out and in. */
@Module({})
export class BackupApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: BackupApp,
      imports: [
        RuntimeModule.forRoot({ app: 'backup', environment: { LOG_LEVEL: 'warn', ...environment } }),
        StreamModule,
        TelemetryStoreModule,
        RegistryDbModule,
        BackupModule,
      ],
    };
  }

  /** Builds it; no engine is opened yet. */
  static open(environment: Environment): Promise<INestApplicationContext> {
    return NestFactory.createApplicationContext(BackupApp.in(environment), { logger: false, abortOnError: false });
  }
}
