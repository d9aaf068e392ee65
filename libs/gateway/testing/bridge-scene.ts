import { randomBytes } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { startServer, type TestServer } from '#libs/runtime/testing';
import { type Append, type StreamLog, StreamUnavailableError } from '#libs/stream';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { openTestGateway, type TestGateway } from './open-gateway.js';
import { eventually } from './raw-device.js';
import { storedDeadLetters, storedMessages } from './stored-messages.js';

const saveAtOnce = ['autosave_on_changes true', 'autosave_interval 1', 'sys_interval 1'];

/** A cluster of one Mosquitto, devices that publish there, and gateways that take it from there into one stream. */
export class BridgeScene {
  registry!: TestRegistry;
  seeded!: Seeded;
  server!: TestServer;
  stream!: TestStream;
  /** Publishes for every device: the cluster lets it. */
  devices!: MqttClient;
  private gateways: TestGateway[] = [];

  async openRegistry(): Promise<void> {
    this.registry = await openTestRegistry();
    this.seeded = await seedDevices(this.registry.database, { count: 20, prefix: 'bridged-' });
  }

  async open(): Promise<void> {
    this.server = await startServer('mosquitto', saveAtOnce);
    this.stream = await openTestStream();
    this.devices = await mqtt.connectAsync(this.server.url, { reconnectPeriod: 100 });
  }

  async close(): Promise<void> {
    await this.stopGateways();
    await this.devices?.endAsync(true);
    await this.stream?.stop();
    await this.server?.stop();
  }

  async stopGateways(): Promise<void> {
    for (const gateway of this.gateways.splice(0)) await gateway.stop();
  }

  /** A gateway of four connections, under a client id of its own unless `settings` name one. */
  async openBridge(settings: Record<string, string> = {}, log: StreamLog = this.stream.log): Promise<TestGateway> {
    const gateway = await openTestGateway(log, this.registry.database, {
      GATEWAY_MQTT: 'bridge',
      BRIDGE_URL: this.server.url,
      BRIDGE_CLIENT_ID: `bridge-${randomBytes(4).toString('hex')}`,
      BRIDGE_CONNECTIONS: '4',
      BRIDGE_LONGEST_BACK_OFF_MS: '500',
      ...settings,
    });
    this.gateways.push(gateway);
    return gateway;
  }

  async openReadyBridge(settings: Record<string, string> = {}, log?: StreamLog): Promise<TestGateway> {
    const gateway = await this.openBridge(settings, log);
    await eventually(async () => (await gateway.problem()) === undefined);
    return gateway;
  }

  device(index: number): Seeded['devices'][number] {
    return this.seeded.devices[index] as Seeded['devices'][number];
  }

  topicOf(index: number, rest = 'telemetry'): string {
    return `devices/${this.device(index).id}/${rest}`;
  }

  /** Publishes with QoS 1, and waits for the cluster's acknowledgement. */
  async publish(topic: string, payload: string | Buffer, retain = false): Promise<void> {
    await this.devices.publishAsync(topic, payload, { qos: 1, retain });
  }

  /** What was stored, as text. */
  async payloads(): Promise<string[]> {
    return (await storedMessages(this.stream.log)).map(({ payload }) => Buffer.from(payload).toString());
  }

  async refusals(): Promise<{ reason: string; deviceKey: string }[]> {
    const letters = await storedDeadLetters(this.stream.log);
    return letters.map(({ reason, deviceKey }) => ({ reason, deviceKey }));
  }

  /** The real stream, which takes nothing until it is opened. */
  closedStream(): { log: StreamLog; open: () => void } {
    const { log: real } = this.stream;
    let full = true;
    const log = Object.assign(Object.create(real) as StreamLog, {
      append: async (entries: readonly Append[]) => {
        if (full) throw new StreamUnavailableError('disk full');
        await real.append(entries);
      },
    });
    return {
      log,
      open: () => {
        full = false;
      },
    };
  }
}
