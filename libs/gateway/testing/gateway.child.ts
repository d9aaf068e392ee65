import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DevicesModule } from '#libs/devices';
import { RegistryDbModule } from '#libs/registry-db';
import { LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { GatewayModule } from '../gateway.module.js';
import { GatewayAddresses } from '../gateway-addresses.js';

/** A gateway process that a spec can kill; tells its parent the MQTT port. */
@Module({
  imports: [
    RuntimeModule.forRoot({ app: 'gateway-child', environment: process.env }),
    StreamModule,
    RegistryDbModule,
    DevicesModule,
    GatewayModule,
  ],
})
class GatewayChild {}

const app = await NestFactory.createApplicationContext(GatewayChild, { logger: false, abortOnError: false });
await app.get<Lifecycle>(LIFECYCLE).start();
process.send?.(app.get(GatewayAddresses, { strict: false }).mqttPort);
process.on('disconnect', () => process.exit(0));
