import mqtt, { type MqttClient } from 'mqtt';
import type { SimulatedDevice } from './fleet.js';

/** What happened so far, for the progress line and the summary. */
export interface Tally {
  published: number;
  acknowledged: number;
  /** Never acknowledged: refused, or not sent because too much was waiting already. */
  failed: number;
  /** The latest PUBACK times in milliseconds, newest last. */
  acknowledgeMs: number[];
}

const connectsAtATime = 32;
const connectTimeoutMs = 30_000;
const connectAttempts = 3;
const reconnectMs = 2_000;
const closeTimeoutMs = 5_000;
const keptTimings = 2_000;
/** No more messages wait for their acknowledgement; a device that has no more memory forgets. */
const mostInFlight = 50_000;

/** The MQTT connections of a fleet: one per device, as real devices have. */
export class Connections {
  readonly tally: Tally = { published: 0, acknowledged: 0, failed: 0, acknowledgeMs: [] };
  private readonly clients = new Map<string, MqttClient>();
  private inFlight = 0;

  constructor(private readonly url: string) {}

  get connected(): number {
    let count = 0;
    for (const client of this.clients.values()) if (client.connected) count += 1;
    return count;
  }

  /** Connects every device, a few dozen at a time. Rejects with the reason where one is refused. */
  async open(
    fleet: readonly SimulatedDevice[],
    secrets: ReadonlyMap<string, string>,
    progress: () => void,
  ): Promise<void> {
    const queue = [...fleet];
    const openNext = async () => {
      for (let device = queue.shift(); device; device = queue.shift()) {
        const client = await this.connect(device.id, secrets.get(device.id) ?? '');
        // Errors show as a reconnection; a silent handler keeps one lost device from ending the fleet.
        client.on('error', () => {});
        this.clients.set(device.id, client);
        progress();
      }
    };
    await Promise.all(Array.from({ length: connectsAtATime }, openNext));
  }

  /** Publishes at QoS 1 and tallies what became of it. */
  publish(device: SimulatedDevice, topic: string, payload: string): void {
    const client = this.clients.get(device.id);
    if (!client) return;
    const started = performance.now();
    this.tally.published += 1;
    if (this.inFlight >= mostInFlight) {
      this.tally.failed += 1;
      return;
    }
    this.inFlight += 1;
    client.publish(`devices/${device.id}/${topic}`, payload, { qos: 1 }, (error) => {
      this.inFlight -= 1;
      if (error) {
        this.tally.failed += 1;
        return;
      }
      this.tally.acknowledged += 1;
      this.tally.acknowledgeMs.push(performance.now() - started);
      if (this.tally.acknowledgeMs.length > keptTimings) this.tally.acknowledgeMs.shift();
    });
  }

  /** Waits a little for the last acknowledgements, then disconnects. */
  async close(): Promise<void> {
    const deadline = performance.now() + closeTimeoutMs;
    while (this.inFlight > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const force = this.inFlight > 0;
    await Promise.all([...this.clients.values()].map((client) => client.endAsync(force || !client.connected)));
    this.clients.clear();
  }

  private async connect(id: string, secret: string): Promise<MqttClient> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await mqtt.connectAsync(
          this.url,
          {
            clientId: id,
            username: id,
            password: secret,
            protocolVersion: 4,
            reconnectPeriod: reconnectMs,
            connectTimeout: connectTimeoutMs,
            keepalive: 120,
          },
          false,
        );
      } catch (error) {
        const { code, message } = error as Error & { code?: string | number };
        if (typeof code !== 'number') {
          throw new Error(
            `no MQTT connection to ${this.url} (${code ?? message}). Is the platform running? Say where with --mqtt.`,
          );
        }
        // A device that was refused tries again, as real ones do: its new secret may not have got round yet.
        if (attempt === connectAttempts) throw new Error(`${this.url} refused ${id}: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, reconnectMs));
      }
    }
  }
}
