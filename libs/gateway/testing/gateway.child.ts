import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DevicesModule } from '#libs/devices';
import { RegistryDbModule } from '#libs/registry-db';
import { HEALTH, type Health, LIFECYCLE, type Lifecycle, RuntimeModule, sleep, systemClock } from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { GatewayModule } from '../gateway.module.js';
import { GatewayAddresses } from '../gateway-addresses.js';

/** A gateway process that a spec can kill; tells its parent the MQTT port once it is ready. */
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
while (!(await app.get<Health>(HEALTH).state()).ready) await sleep(systemClock, 20);
process.send?.(app.get(GatewayAddresses, { strict: false }).mqttPort);
process.on('disconnect', () => process.exit(0));
