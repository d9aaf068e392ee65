import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RegistryDbModule } from '#libs/registry-db';
import { LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { StreamModule } from '#libs/stream';
import { NotifierStageModule } from '../notifier.module.js';

/** The notifier as a process of its own, for tests that kill it. */
class ChildModule {}
Module({
  imports: [
    RuntimeModule.forRoot({ app: 'notifier', environment: process.env }),
    RegistryDbModule,
    StreamModule,
    NotifierStageModule,
  ],
})(ChildModule);

const app = await NestFactory.createApplicationContext(ChildModule, { logger: false, abortOnError: false });
await app.get<Lifecycle>(LIFECYCLE).start();
