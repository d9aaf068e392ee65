import { type DynamicModule, Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { AlertsApiModule } from '#libs/alerts';
import { DeadLettersApiModule } from '#libs/dead-letters';
import { CommandsApiModule, DevicesApiModule, DevicesModule } from '#libs/devices';
import { MessagesApiModule } from '#libs/messages';
import { NormaliserApiModule } from '#libs/normaliser';
import { NotifierApiModule } from '#libs/notifier';
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

/** What people and systems talk to: REST, live updates, the docs. Runs no stage and calls nobody's URL. */
@Module({})
export class ApiApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: ApiApp,
      imports: [
        RuntimeModule.forRoot({ app: 'api', environment }),
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
        NotifierApiModule,
        DeadLettersApiModule,
        MessagesApiModule,
        OverviewApiModule,
      ],
      providers: [configProvider(httpConfig), configProvider(consoleConfig)],
    };
  }
}
