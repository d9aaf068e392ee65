import { Inject, Injectable } from '@nestjs/common';
import { GatewayAddresses } from './gateway-addresses.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { IngestServer } from './http-ingest/ingest-server.js';
import { MqttBroker } from './mqtt-broker/mqtt-broker.js';
import { MqttListener } from './mqtt-broker/mqtt-listener.js';
import { SessionTable } from './mqtt-broker/session-table.js';
import { RawIntake } from './raw-intake.js';

const drainTimeoutMs = 5_000;

/** Brings the MQTT side of the gateway up and down in order. */
@Injectable()
export class MqttService {
  constructor(
    @Inject(SessionTable) private readonly sessions: SessionTable,
    @Inject(MqttBroker) private readonly broker: MqttBroker,
    @Inject(MqttListener) private readonly listener: MqttListener,
  ) {}

  async start(): Promise<void> {
    this.sessions.start();
    await this.broker.start();
    await this.listener.start();
  }

  /** Takes nothing more; what has been taken may still be acknowledged. */
  stopAccepting(): void {
    this.sessions.stop();
    this.listener.stopAccepting();
  }

  stop(): Promise<void> {
    return this.broker.stop();
  }
}

/** Brings the gateway up and down: nothing is acknowledged that has not been made durable, to the last message. */
@Injectable()
export class GatewayService {
  constructor(
    @Inject(MqttService) private readonly mqtt: MqttService,
    @Inject(IngestServer) private readonly ingest: IngestServer,
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(GatewayAddresses) private readonly addresses: GatewayAddresses,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  async start(): Promise<void> {
    this.metrics.start(() => this.intake.writer.inFlight);
    try {
      await this.mqtt.start();
      this.addresses.ingestPort = await this.ingest.start();
    } catch (error) {
      // Half a gateway takes nobody's messages.
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.mqtt.stopAccepting();
    const ingestClosed = this.ingest.stop();
    await this.intake.writer.drain(drainTimeoutMs);
    await ingestClosed;
    await this.mqtt.stop();
    this.metrics.stop();
  }

  /** What keeps the gateway from its work, undefined when well. */
  problem(): string | undefined {
    const { writer } = this.intake;
    if (writer.failed) return `the stream is lost: ${writer.failed.message}`;
    return writer.unavailable ? 'the stream takes no messages at this moment; devices wait' : undefined;
  }
}
