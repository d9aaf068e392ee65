import { Inject, Injectable } from '@nestjs/common';
import type { MqttSide } from '../mqtt-side.js';
import { BrokerCommands } from './broker-commands.js';
import { MqttBroker } from './mqtt-broker.js';
import { MqttListener } from './mqtt-listener.js';
import { SessionTable } from './session-table.js';

/** Brings our own broker up and down in order. */
@Injectable()
export class BrokerSide implements MqttSide {
  constructor(
    @Inject(SessionTable) private readonly sessions: SessionTable,
    @Inject(MqttBroker) private readonly broker: MqttBroker,
    @Inject(MqttListener) private readonly listener: MqttListener,
    @Inject(BrokerCommands) private readonly commands: BrokerCommands,
  ) {}

  async start(): Promise<void> {
    this.sessions.start();
    await this.broker.start();
    await this.listener.start();
    this.commands.start();
  }

  async stopAccepting(): Promise<void> {
    this.sessions.stop();
    this.listener.stopAccepting();
    await this.commands.stop();
  }

  stop(): Promise<void> {
    return this.broker.stop();
  }

  problem(): undefined {
    return undefined;
  }
}
