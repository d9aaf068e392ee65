import { Global, Module } from '@nestjs/common';
import { AuditLog, accessConfig, SecretBox } from '#libs/access';
import { RESTORING } from '#libs/registry-db';
import { configProvider, ENVIRONMENT } from '#libs/runtime';
import { BackupWriter } from './backup-writer.js';
import { ENGINES, enginesOf } from './engines.js';
import { Restorer } from './restorer.js';

/** Backup and restore, for the commands of these names; runs no stage and serves nothing. */
@Global()
@Module({
  providers: [
    configProvider(accessConfig),
    SecretBox,
    AuditLog,
    BackupWriter,
    Restorer,
    { provide: RESTORING, useValue: true },
    { provide: ENGINES, useFactory: enginesOf, inject: [ENVIRONMENT] },
  ],
  exports: [BackupWriter, Restorer, RESTORING],
})
export class BackupModule {}
