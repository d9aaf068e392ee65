import { Module, type Provider } from '@nestjs/common';
import { SecretBoxModule } from '#libs/access';
import { configProvider } from '#libs/runtime';
import { Attempts } from './attempts.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveryEngine } from './delivery.engine.js';
import { DeliveryLoop } from './delivery-loop.js';
import { DeliveryQueueRepository } from './delivery-queue.repository.js';
import { Egress } from './egress.js';
import { EndpointSecrets } from './endpoint-secrets.js';
import { EndpointValidator } from './endpoint-validator.js';
import { EndpointsController } from './endpoints.controller.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { EndpointsService } from './endpoints.service.js';
import { notifierConfig } from './notifier.config.js';
import { NotifierStage } from './notifier.stage.js';
import { NotifierLoops } from './notifier-loops.js';
import { NotifierUpkeep } from './notifier-upkeep.js';
import { OutcomeRecorder } from './outcome-recorder.js';
import { OutcomesRepository } from './outcomes.repository.js';
import { UpkeepRepository } from './upkeep.repository.js';
import { UrlCheck } from './url-check.js';
import { createResolver, RESOLVER } from './webhook/resolver.js';
import { WebhookTargetsController } from './webhook-targets.controller.js';
import { WebhookTargetsRepository } from './webhook-targets.repository.js';

const common: Provider[] = [
  configProvider(notifierConfig),
  { provide: RESOLVER, useFactory: createResolver },
  DeliveryQueueRepository,
  EndpointSecrets,
  WebhookTargetsRepository,
];

/** notifications -> webhooks: the only code that calls customers' URLs. */
@Module({
  imports: [SecretBoxModule],
  controllers: [NotifierStage],
  providers: [
    ...common,
    Egress,
    Attempts,
    OutcomesRepository,
    OutcomeRecorder,
    DeliveryEngine,
    DeliveryLoop,
    UpkeepRepository,
    EndpointValidator,
    NotifierUpkeep,
    NotifierLoops,
  ],
})
export class NotifierStageModule {}

/** Endpoints, deliveries, replay and reconciliation over REST. */
@Module({
  imports: [SecretBoxModule],
  controllers: [EndpointsController, DeliveriesController, WebhookTargetsController],
  providers: [...common, EndpointsRepository, EndpointsService, DeliveriesService, UrlCheck],
})
export class NotifierApiModule {}
