import { type DynamicModule, Module } from '@nestjs/common';
import { NotifierStageModule } from '#libs/notifier';
import { RegistryDbModule } from '#libs/registry-db';
import { type Environment, OperationsModule, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';

/** Delivers webhooks; the only process that calls customers' URLs. */
@Module({})
export class NotifierApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: NotifierApp,
      imports: [
        RuntimeModule.forRoot({ app: 'notifier', environment }),
        OperationsModule,
        StreamModule,
        RegistryDbModule,
        NotifierStageModule,
      ],
    };
  }
}
