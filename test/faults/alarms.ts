import { createServer, type Server } from 'node:http';
import type { MqttClient } from 'mqtt';
import { connectDevice, publishUntilAcknowledged } from './fleet.js';

/** A webhook consumer that remembers which alerts it was told of. */
export class AlarmDesk {
  private readonly server: Server;
  /** Ids of the notifications received, each once however often it came. */
  readonly raised = new Set<string>();

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const event = JSON.parse(Buffer.concat(chunks).toString()) as { id: string; type: string };
        if (event.type.endsWith('alert.raised')) this.raised.add(event.id);
        response.writeHead(204).end();
      });
    });
  }

  /** Listens on a free port of loopback and returns its URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}/alerts`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}

/** A smoke detector that alarms and calms down, over and over, each step acknowledged before the next. */
export class AlarmingDetector {
  /** Alarms whose PUBACK arrived. */
  alarms = 0;
  private running = false;
  private client: MqttClient | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly mqttUrl: string,
    private readonly id: string,
    private readonly secret: string,
  ) {}

  async start(): Promise<void> {
    this.running = true;
    this.client = await connectDevice(this.mqttUrl, this.id, this.secret);
    this.done = this.alarmAndCalm(this.client);
  }

  /** Ends after a calm, so that every alarm counted was also cleared. */
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
    await this.client?.endAsync();
  }

  private async alarmAndCalm(client: MqttClient): Promise<void> {
    for (let seq = 1; this.running; seq += 2) {
      await this.say(client, seq, true);
      this.alarms += 1;
      await new Promise((resolve) => setTimeout(resolve, 250));
      await this.say(client, seq + 1, false);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  private say(client: MqttClient, seq: number, fire: boolean): Promise<void> {
    const payload = JSON.stringify({ time: Date.now(), seq, values: { fire } });
    return publishUntilAcknowledged(client, `devices/${this.id}/telemetry`, payload);
  }
}
