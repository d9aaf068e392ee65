import mqtt, { type MqttClient } from 'mqtt';

/** A device under test: what it was promised is kept here, by sequence number. */
export interface Promised {
  id: string;
  secret: string;
  /** Sequence numbers whose PUBACK arrived. */
  acknowledged: Set<number>;
}

/** Devices that publish numbered readings at QoS 1 and go on through every crash of the platform. */
export class FaultFleet {
  private readonly clients: MqttClient[] = [];
  private readonly next = new Map<string, number>();
  private running = false;
  /** The longest that a device waited for a PUBACK, in milliseconds. */
  longestStallMs = 0;

  constructor(
    /** Where the devices connect; with several, one that loses its gateway goes to the next. */
    private readonly mqttUrls: readonly string[],
    readonly devices: readonly Promised[],
    /** Pause between two readings of a device, in milliseconds. */
    private readonly everyMs: number,
  ) {}

  /** Connects and starts publishing; each device waits for its PUBACK before it sends on. */
  async start(): Promise<void> {
    this.running = true;
    for (const device of this.devices) {
      const client = await connectDevice(this.mqttUrls, device.id, device.secret);
      this.clients.push(client);
      void this.talk(device, client);
    }
  }

  /** Stops publishing once what is under way has been acknowledged. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients.map((client) => client.endAsync()));
  }

  private async talk(device: Promised, client: MqttClient): Promise<void> {
    while (this.running) {
      const seq = (this.next.get(device.id) ?? 0) + 1;
      this.next.set(device.id, seq);
      const payload = JSON.stringify({
        time: Date.now(),
        seq,
        values: { 'metering.water.total': seq, flowRate: seq % 100, battery: 3.6 },
      });
      const sent = performance.now();
      await publishUntilAcknowledged(client, `devices/${device.id}/telemetry`, payload);
      this.longestStallMs = Math.max(this.longestStallMs, performance.now() - sent);
      device.acknowledged.add(seq);
      await new Promise((resolve) => setTimeout(resolve, this.everyMs));
    }
  }
}

/** A client that comes back by itself after a crash and resends what was not acknowledged. */
export async function connectDevice(urls: readonly string[], id: string, secret: string): Promise<MqttClient> {
  const client = mqtt.connect({
    servers: urls.map((url) => ({
      host: new URL(url).hostname,
      port: Number(new URL(url).port),
      protocol: 'mqtt' as const,
    })),
    clientId: id,
    username: id,
    password: secret,
    protocolVersion: 4,
    reconnectPeriod: 100,
    connectTimeout: 5_000,
  });
  // A refused connection while the platform restarts is what this tool is about.
  client.on('error', () => {});
  await new Promise<void>((resolve) => {
    client.once('connect', () => resolve());
  });
  return client;
}

/** Resolves when the PUBACK came, across as many reconnections as it takes. */
export function publishUntilAcknowledged(client: MqttClient, topic: string, payload: string): Promise<void> {
  return new Promise((resolve) => {
    const attempt = () => {
      client.publish(topic, payload, { qos: 1 }, (error) => {
        if (error) setTimeout(attempt, 100);
        else resolve();
      });
    };
    attempt();
  });
}
