import { Inject, Injectable } from '@nestjs/common';
import { GatewayAddresses } from './gateway-addresses.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { IngestServer } from './http-ingest/ingest-server.js';
import { MQTT_SIDE, type MqttSide } from './mqtt-side.js';
import { RawIntake } from './raw-intake.js';

const drainTimeoutMs = 5_000;

/** Brings the gateway up and down: nothing is acknowledged that has not been made durable, to the last message. */
@Injectable()
export class GatewayService {
  constructor(
    @Inject(MQTT_SIDE) private readonly mqtt: MqttSide,
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
    const ingestClosed = this.ingest.stop();
    await this.mqtt.stopAccepting();
    await this.intake.writer.drain(drainTimeoutMs);
    await ingestClosed;
    await this.mqtt.stop();
    this.metrics.stop();
  }

  /** What keeps the gateway from its work, undefined when well. */
  problem(): string | undefined {
    const { writer } = this.intake;
    if (writer.failed) return `the stream is lost: ${writer.failed.message}`;
    const problems = [
      writer.unavailable ? 'the stream takes no messages at this moment; devices wait' : undefined,
      this.mqtt.problem(),
    ].filter((problem) => problem !== undefined);
    return problems.length > 0 ? problems.join('; ') : undefined;
  }
}
