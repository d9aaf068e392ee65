import { Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { deadLettersConfig } from './dead-letters.config.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLettersRepository } from './dead-letters.repository.js';
import { DeadLettersService } from './dead-letters.service.js';
import { DeadLettersStage } from './dead-letters.stage.js';

/** Projects the `dead-letters` stream into the registry. Needs the registry. */
@Module({
  controllers: [DeadLettersStage],
  providers: [configProvider(deadLettersConfig), DeadLettersRepository],
})
export class DeadLettersStageModule {}

/** Lists, shows and replays dead letters over REST. Needs the registry and the stream. */
@Module({
  controllers: [DeadLettersController],
  providers: [configProvider(deadLettersConfig), DeadLettersRepository, DeadLettersService],
})
export class DeadLettersApiModule {}
