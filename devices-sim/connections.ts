import mqtt, { type MqttClient } from 'mqtt';
import type { SimulatedDevice } from './fleet.js';

/** What happened so far, for the progress line and the summary. */
export interface Tally {
  connected: number;
  published: number;
  acknowledged: number;
  failed: number;
  /** The latest PUBACK times in milliseconds, newest last. */
  acknowledgeMs: number[];
}

const keptTimings = 2_000;

/** The MQTT connections of a fleet: one per device, as real devices have. */
export class Connections {
  readonly tally: Tally = { connected: 0, published: 0, acknowledged: 0, failed: 0, acknowledgeMs: [] };
  private readonly clients = new Map<string, MqttClient>();

  constructor(private readonly url: string) {}

  /** Connects every device, a few dozen at a time. Rejects with the broker's reason where one is refused. */
  async open(
    fleet: readonly SimulatedDevice[],
    secrets: ReadonlyMap<string, string>,
    progress: () => void,
  ): Promise<void> {
    const queue = [...fleet];
    const openNext = async () => {
      for (let device = queue.shift(); device; device = queue.shift()) {
        const client = await mqtt.connectAsync(this.url, {
          clientId: device.id,
          username: device.id,
          password: secrets.get(device.id) ?? '',
          protocolVersion: 4,
          reconnectPeriod: 2_000,
          keepalive: 120,
        });
        this.tally.connected += 1;
        client.on('connect', () => {
          this.tally.connected += 1;
        });
        client.on('close', () => {
          this.tally.connected -= 1;
        });
        // Errors show as a reconnection; a silent handler keeps one lost device from ending the fleet.
        client.on('error', () => {});
        this.clients.set(device.id, client);
        progress();
      }
    };
    await Promise.all(Array.from({ length: 32 }, openNext));
  }

  /** Publishes at QoS 1 and tallies what became of it. */
  publish(device: SimulatedDevice, topic: string, payload: string): void {
    const client = this.clients.get(device.id);
    if (!client) return;
    const started = performance.now();
    this.tally.published += 1;
    client.publish(`devices/${device.id}/${topic}`, payload, { qos: 1 }, (error) => {
      if (error) {
        this.tally.failed += 1;
        return;
      }
      this.tally.acknowledged += 1;
      this.tally.acknowledgeMs.push(performance.now() - started);
      if (this.tally.acknowledgeMs.length > keptTimings) this.tally.acknowledgeMs.shift();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.endAsync()));
    this.clients.clear();
  }
}
