import { type DynamicModule, Module } from '@nestjs/common';
import { AlertsStageModule } from '#libs/alerts';
import { DeadLettersStageModule } from '#libs/dead-letters';
import { CommandsStageModule, DevicesModule, PresenceStageModule } from '#libs/devices';
import { NormaliserStageModule } from '#libs/normaliser';
import { ReadingsStageModule } from '#libs/readings';
import { RegistryDbModule } from '#libs/registry-db';
import { RulesStageModule } from '#libs/rules';
import { type Environment, OperationsModule, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { TelemetryStoreModule } from '#libs/telemetry-store';

/** Every stage but the notifier: from the raw stream to the notifications, and the dead letters. */
@Module({})
export class PipelineApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: PipelineApp,
      imports: [
        RuntimeModule.forRoot({ app: 'pipeline', environment }),
        OperationsModule,
        StreamModule,
        TelemetryStoreModule,
        RegistryDbModule,
        DevicesModule,
        NormaliserStageModule,
        ReadingsStageModule,
        PresenceStageModule,
        CommandsStageModule,
        RulesStageModule,
        AlertsStageModule,
        DeadLettersStageModule,
      ],
    };
  }
}
