import type { MqttClient } from 'mqtt';
import { connectDevice, publishUntilAcknowledged } from './fleet.js';

/** A smoke detector that alarms and calms down, over and over, each step acknowledged before the next. */
export class AlarmingDetector {
  /** Device times of the alarms whose PUBACK arrived, in epoch milliseconds. */
  readonly alarms: number[] = [];
  private running = false;
  private client: MqttClient | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly mqttUrls: readonly string[],
    private readonly id: string,
    private readonly secret: string,
  ) {}

  async start(): Promise<void> {
    this.running = true;
    this.client = await connectDevice(this.mqttUrls, this.id, this.secret);
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
      this.alarms.push(await this.say(client, seq, true));
      await new Promise((resolve) => setTimeout(resolve, 250));
      await this.say(client, seq + 1, false);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Returns the device time that was acknowledged. */
  private async say(client: MqttClient, seq: number, fire: boolean): Promise<number> {
    const time = Date.now();
    const payload = JSON.stringify({ time, seq, values: { fire } });
    await publishUntilAcknowledged(client, `devices/${this.id}/telemetry`, payload);
    return time;
  }
}
