import { type DynamicModule, Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { AlertsApiModule } from '#libs/alerts';
import { DeadLettersApiModule } from '#libs/dead-letters';
import { CommandsApiModule, DevicesApiModule, DevicesModule } from '#libs/devices';
import { MessagesApiModule } from '#libs/messages';
import { NormaliserApiModule } from '#libs/normaliser';
import { NotifierApiModule, NotifierStageModule } from '#libs/notifier';
import { OverviewApiModule } from '#libs/overview';
import { ReadingsApiModule } from '#libs/readings';
import { RegistryDbModule } from '#libs/registry-db';
import { RulesApiModule } from '#libs/rules';
import {
  configProvider,
  consoleConfig,
  type Environment,
  httpConfig,
  OperationsModule,
  RuntimeModule,
} from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { TelemetryStoreModule } from '#libs/telemetry-store';
import { Threads } from './threads.js';

/** Every module on the embedded engines: the API and the notifier here, the rest in threads of its own. */
@Module({})
export class AllInOneApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: AllInOneApp,
      imports: [
        RuntimeModule.forRoot({ app: 'all-in-one', environment }),
        OperationsModule,
        StreamModule,
        TelemetryStoreModule,
        RegistryDbModule,
        AccessApiModule,
        DevicesModule,
        DevicesApiModule,
        CommandsApiModule,
        NormaliserApiModule,
        ReadingsApiModule,
        RulesApiModule,
        AlertsApiModule,
        NotifierStageModule,
        NotifierApiModule,
        DeadLettersApiModule,
        MessagesApiModule,
        OverviewApiModule,
      ],
      providers: [configProvider(httpConfig), configProvider(consoleConfig), Threads],
    };
  }
}
