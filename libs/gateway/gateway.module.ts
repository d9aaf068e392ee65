import { Inject, Module } from '@nestjs/common';
import { DevicesModule, OpenCommandsModule } from '#libs/devices';
import { configProvider, HEALTH, type Health, LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import { CommandReports } from './command-reports.js';
import { DeviceLogin } from './device-login.js';
import { type GatewayConfig, gatewayConfig } from './gateway.config.js';
import { GatewayService } from './gateway.service.js';
import { GatewayAddresses } from './gateway-addresses.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { IngestServer } from './http-ingest/ingest-server.js';
import { BridgeCommands } from './mqtt-bridge/bridge-commands.js';
import { BridgeIntake } from './mqtt-bridge/bridge-intake.js';
import { BridgeMetrics } from './mqtt-bridge/bridge-metrics.js';
import { bridgeConfig } from './mqtt-bridge/mqtt-bridge.config.js';
import { MqttBridge } from './mqtt-bridge/mqtt-bridge.js';
import { BrokerCommands } from './mqtt-broker/broker-commands.js';
import { BrokerSide } from './mqtt-broker/broker-side.js';
import { MqttBroker } from './mqtt-broker/mqtt-broker.js';
import { MqttListener } from './mqtt-broker/mqtt-listener.js';
import { PublishGate } from './mqtt-broker/publish-gate.js';
import { SessionTable } from './mqtt-broker/session-table.js';
import { MQTT_SIDE, type MqttSide } from './mqtt-side.js';
import { RawIntake } from './raw-intake.js';

/** Device connections over MQTT and HTTP, into the `raw` stream. Needs the stream and the registry. */
@Module({
  imports: [DevicesModule, OpenCommandsModule],
  providers: [
    configProvider(gatewayConfig),
    configProvider(bridgeConfig),
    BridgeCommands,
    BridgeIntake,
    BridgeMetrics,
    BrokerCommands,
    BrokerSide,
    CommandReports,
    DeviceLogin,
    GatewayAddresses,
    GatewayMetrics,
    GatewayService,
    IngestServer,
    MqttBridge,
    MqttBroker,
    MqttListener,
    PublishGate,
    RawIntake,
    SessionTable,
    { provide: MQTT_SIDE, useFactory: chooseMqttSide, inject: [gatewayConfig.KEY, BrokerSide, MqttBridge] },
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

/** The one place where it is chosen where MQTT devices connect. Neither holds anything before it is started. */
function chooseMqttSide({ mqtt }: GatewayConfig, broker: BrokerSide, bridge: MqttBridge): MqttSide {
  switch (mqtt) {
    case 'broker':
      return broker;
    case 'bridge':
      return bridge;
  }
}
