import { Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { DevicesModule } from '#libs/devices';
import { configProvider } from '#libs/runtime';
import { Fleet } from './fleet/fleet.js';
import { FleetRepository } from './fleet/fleet.repository.js';
import { FlowWatch } from './flow/flow-watch.js';
import { MessageCount } from './flow/message-count.js';
import { LiveStreams } from './live-streams.js';
import { MapController } from './map/map.controller.js';
import { MapService } from './map/map.service.js';
import { overviewConfig } from './overview.config.js';
import { OverviewController } from './overview.controller.js';
import { OverviewService } from './overview.service.js';
import { Viewers } from './viewers.js';

/** How everything stands, and where: the overview and the map, over REST and live. */
@Module({
  imports: [AccessApiModule, DevicesModule],
  controllers: [OverviewController, MapController],
  providers: [
    configProvider(overviewConfig),
    FleetRepository,
    Fleet,
    MessageCount,
    FlowWatch,
    Viewers,
    LiveStreams,
    OverviewService,
    MapService,
  ],
})
export class OverviewApiModule {}
