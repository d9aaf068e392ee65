import { Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { DevicesModule } from '../devices.module.js';
import { presenceConfig } from './presence.config.js';
import { PresenceRepository } from './presence.repository.js';
import { PresenceStage } from './presence.stage.js';
import { PresenceFleet } from './presence-fleet.js';
import { PresenceWriter } from './presence-writer.js';

/** The stage that decides which devices are online. */
@Module({
  imports: [DevicesModule],
  controllers: [PresenceStage],
  providers: [configProvider(presenceConfig), PresenceRepository, PresenceFleet, PresenceWriter],
})
export class PresenceStageModule {}
