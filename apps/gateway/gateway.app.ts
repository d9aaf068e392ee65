import { type DynamicModule, Module } from '@nestjs/common';
import { DevicesModule } from '#libs/devices';
import { GatewayModule } from '#libs/gateway';
import { RegistryDbModule } from '#libs/registry-db';
import { type Environment, OperationsModule, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';

/** Holds device connections; the only process that devices reach. */
@Module({})
export class GatewayApp {
  static in(environment: Environment): DynamicModule {
    return {
      module: GatewayApp,
      imports: [
        RuntimeModule.forRoot({ app: 'gateway', environment }),
        OperationsModule,
        StreamModule,
        RegistryDbModule,
        DevicesModule,
        GatewayModule,
      ],
    };
  }
}
