import { Inject, Module } from '@nestjs/common';
import { DevicesModule } from '#libs/devices';
import { configProvider, HEALTH, type Health, LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import { DeviceLogin } from './device-login.js';
import { gatewayConfig } from './gateway.config.js';
import { GatewayService, MqttService } from './gateway.service.js';
import { GatewayAddresses } from './gateway-addresses.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { IngestServer } from './http-ingest/ingest-server.js';
import { MqttBroker } from './mqtt-broker/mqtt-broker.js';
import { MqttListener } from './mqtt-broker/mqtt-listener.js';
import { PublishGate } from './mqtt-broker/publish-gate.js';
import { SessionTable } from './mqtt-broker/session-table.js';
import { RawIntake } from './raw-intake.js';

/** Device connections over MQTT and HTTP, into the `raw` stream. Needs the stream and the registry. */
@Module({
  imports: [DevicesModule],
  providers: [
    configProvider(gatewayConfig),
    DeviceLogin,
    GatewayAddresses,
    GatewayMetrics,
    GatewayService,
    IngestServer,
    MqttBroker,
    MqttListener,
    MqttService,
    PublishGate,
    RawIntake,
    SessionTable,
  ],
  exports: [GatewayAddresses],
})
export class GatewayModule {
  constructor(
    @Inject(GatewayService) service: GatewayService,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(HEALTH) health: Health,
  ) {
    lifecycle.add({
      name: 'gateway',
      order: startOrder.intake,
      start: () => service.start(),
      stop: () => service.stop(),
    });
    health.add('gateway', () => service.problem());
  }
}
