import { Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { DevicesModule } from '#libs/devices';
import { configProvider } from '#libs/runtime';
import { FramesController } from './frames.controller.js';
import { FramesService } from './frames.service.js';
import { MissingReadings } from './missing-readings.js';
import { ReadingDays } from './reading-days.js';
import { ReadingFeedController } from './reading-feed.controller.js';
import { ReadingFeed } from './reading-feed.js';
import { ReadingStreams } from './reading-streams.js';
import { readingsConfig } from './readings.config.js';
import { ReadingsController } from './readings.controller.js';
import { ReadingsService } from './readings.service.js';
import { ReadingsStage } from './readings.stage.js';
import { ReadingsRebuild } from './readings-rebuild.js';
import { ReadingsUpkeep } from './readings-upkeep.js';

/** readings -> telemetry store. */
@Module({
  controllers: [ReadingsStage],
  providers: [configProvider(readingsConfig), MissingReadings, ReadingsRebuild, ReadingsUpkeep],
})
export class ReadingsStageModule {}

/** Readings and frames over REST, and live. */
@Module({
  imports: [AccessApiModule, DevicesModule],
  controllers: [ReadingFeedController, ReadingsController, FramesController],
  providers: [configProvider(readingsConfig), ReadingDays, ReadingsService, FramesService, ReadingFeed, ReadingStreams],
})
export class ReadingsApiModule {}
