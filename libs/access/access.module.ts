import { Global, Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, DiscoveryModule } from '@nestjs/core';
import { configProvider, httpConfig } from '#libs/runtime';
import { accessConfig } from './access.config.js';
import { AccessGuard } from './access.guard.js';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ApiKeysService } from './api-keys/api-keys.service.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditInterceptor } from './audit/audit.interceptor.js';
import { AuditLog } from './audit/audit-log.js';
import { Authenticator } from './authenticator.js';
import { Bootstrap } from './bootstrap.js';
import { HOUSEKEPT, Housekeeping } from './housekeeping.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { IdempotencyStore } from './idempotency/idempotency.store.js';
import { MasterKeyCheck } from './master-key-check.js';
import { Passwords } from './passwords.js';
import { Routes } from './routes.js';
import { SecretBox } from './secret-box.js';
import { Lockout } from './sessions/lockout.js';
import { MeController } from './sessions/me.controller.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsService } from './sessions/sessions.service.js';
import { StreamWatch } from './stream-watch.js';
import { TenantsController } from './tenants/tenants.controller.js';
import { UsersController } from './users/users.controller.js';
import { UsersService } from './users/users.service.js';

/** Encryption of secrets at rest, for apps that serve no HTTP as well. */
@Global()
@Module({
  providers: [configProvider(accessConfig), SecretBox, MasterKeyCheck],
  exports: [SecretBox, accessConfig.KEY],
})
export class SecretBoxModule {}

/** Who may do what: the guard on every route, the audit of every write, accounts and keys over REST. */
@Module({
  imports: [SecretBoxModule, DiscoveryModule],
  controllers: [
    SessionsController,
    MeController,
    UsersController,
    TenantsController,
    ApiKeysController,
    AuditController,
  ],
  providers: [
    configProvider(httpConfig),
    Passwords,
    Bootstrap,
    Authenticator,
    StreamWatch,
    Lockout,
    SessionsService,
    UsersService,
    ApiKeysService,
    AuditLog,
    IdempotencyStore,
    {
      provide: HOUSEKEPT,
      useFactory: (...stores: unknown[]) => stores,
      inject: [SessionsService, Lockout, IdempotencyStore],
    },
    Housekeeping,
    Routes,
    { provide: APP_GUARD, useClass: AccessGuard },
    // The order counts: what the idempotency interceptor answers is audited too.
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
  exports: [Authenticator, Bootstrap, Routes, StreamWatch],
})
export class AccessApiModule {}
