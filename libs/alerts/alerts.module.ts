import { Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { configProvider } from '#libs/runtime';
import { AlertFeedController } from './alert-feed.controller.js';
import { AlertFeed } from './alert-feed.js';
import { AlertListRepository } from './alert-list.repository.js';
import { AlertStreams } from './alert-streams.js';
import { alertsConfig } from './alerts.config.js';
import { AlertsController } from './alerts.controller.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsService } from './alerts.service.js';
import { AlertsStage } from './alerts.stage.js';
import { AlertsUpkeep } from './alerts-upkeep.js';
import { Announcer } from './announcer.js';
import { OutboxRepository } from './outbox.repository.js';
import { OutboxRelay } from './outbox-relay.js';
import { RelayLoop } from './relay-loop.js';
import { UpkeepLoop } from './upkeep-loop.js';

/** transitions -> alerts -> notifications. */
@Module({
  controllers: [AlertsStage],
  providers: [
    configProvider(alertsConfig),
    AlertsRepository,
    Announcer,
    OutboxRepository,
    OutboxRelay,
    RelayLoop,
    AlertsUpkeep,
    UpkeepLoop,
  ],
})
export class AlertsStageModule {}

/** Alerts over REST, and live. */
@Module({
  imports: [AccessApiModule],
  controllers: [AlertFeedController, AlertsController],
  providers: [
    configProvider(alertsConfig),
    AlertsRepository,
    AlertListRepository,
    Announcer,
    OutboxRepository,
    AlertsService,
    AlertFeed,
    AlertStreams,
  ],
})
export class AlertsApiModule {}
