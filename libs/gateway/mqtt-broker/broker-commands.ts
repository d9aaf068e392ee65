import { Inject, Injectable } from '@nestjs/common';
import { generate } from 'mqtt-packet';
import type { Command } from '#libs/contracts';
import { type CommandTaker, DeviceDirectory, mayConnect, OpenCommands } from '#libs/devices';
import { CommandReports } from '../command-reports.js';
import { commandTopic, overlap } from '../topics.js';
import type { DeviceSession } from './device-session.js';
import { SessionTable } from './session-table.js';

/** More waits in a connection that does not read: the command waits too. */
const mostUnsentBytes = 1_048_576;

/**
 * Sends commands to the devices that are connected here and have subscribed, with QoS 1: once to a connection, and again
 * to the next one while the device has not acknowledged. Past the broker's own queues: those would deliver a command that
 * has expired meanwhile, or was called back.
 */
@Injectable()
export class BrokerCommands implements CommandTaker {
  readonly settledBy = 'acknowledged';

  constructor(
    @Inject(SessionTable) private readonly sessions: SessionTable,
    @Inject(OpenCommands) private readonly open: OpenCommands,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CommandReports) private readonly reports: CommandReports,
  ) {}

  start(): void {
    this.reports.start();
    this.open.start(this);
  }

  async stop(): Promise<void> {
    await this.open.stop();
    await this.reports.stop();
  }

  /** A command waits: its device may be connected here, or the gateway device in front of it. */
  take(command: Command): void {
    const own = this.sessions.of(command.deviceKey);
    const parent = command.parentKey === undefined ? undefined : this.sessions.of(command.parentKey);
    if (own) this.send(own, command);
    else if (parent) this.send(parent, command);
  }

  /** The session's device has connected, or subscribed: what waits for it is sent. */
  offerWaiting(session: DeviceSession): void {
    for (const command of this.open.of(session.device.key)) this.send(session, command);
  }

  /** The device has what was sent with that message id. */
  acknowledged(session: DeviceSession, messageId: number): void {
    const command = session.acknowledged(messageId);
    if (!command) return;
    this.open.settle(command.id);
    this.reports.report('acknowledged', command);
  }

  private send(session: DeviceSession, command: Command): void {
    const { client } = session;
    const topic = this.topicFor(session, command);
    // Nothing may come before the CONNACK (MQTT 3.1.1, 3.2).
    if (topic === undefined || !session.open || !client.connackSent || !this.open.waits(command)) return;
    const qos = grantedQos(client.subscriptions ?? {}, topic);
    if (qos === undefined || session.hasSent(command) || client.conn.writableLength > mostUnsentBytes) return;
    const messageId = qos === 0 ? undefined : session.sending(command);
    client.conn.write(
      generate({
        cmd: 'publish',
        topic,
        qos,
        dup: false,
        retain: false,
        payload: Buffer.from(command.payload),
        ...(messageId === undefined ? {} : { messageId }),
      }),
    );
    this.reports.report('sent', command);
    // A device that subscribes with QoS 0 wants it at most once.
    if (qos === 0) this.open.settle(command.id);
  }

  private topicFor({ device }: DeviceSession, command: Command): string | undefined {
    if (command.deviceKey === device.key) return commandTopic(command.id, device.id, undefined);
    const child = this.directory.byKey(command.deviceKey);
    if (!child || child.parentKey !== device.key || !mayConnect(child.status)) return undefined;
    return commandTopic(command.id, child.id, device.id);
  }
}

/** The best QoS below 2 that a subscription to the topic was granted; undefined where there is none. */
function grantedQos(subscriptions: Readonly<Record<string, { qos: number }>>, topic: string): 0 | 1 | undefined {
  let best: 0 | 1 | undefined;
  for (const [filter, { qos }] of Object.entries(subscriptions)) {
    if (overlap(filter, topic)) best = qos > 0 || best === 1 ? 1 : 0;
  }
  return best;
}
