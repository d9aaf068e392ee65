import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, LOGGER, type Logger } from '#libs/runtime';
import type { MqttSide } from '../mqtt-side.js';
import { BridgeCommands } from './bridge-commands.js';
import { BridgeIntake } from './bridge-intake.js';
import { BridgeMetrics } from './bridge-metrics.js';
import { ClusterConnection } from './cluster-connection.js';
import { clusterOptions } from './cluster-options.js';
import { type BridgeConfig, bridgeConfig } from './mqtt-bridge.config.js';

/** Takes what devices publish at an MQTT cluster that exists, by a shared subscription over several connections. */
@Injectable()
export class MqttBridge implements MqttSide {
  private connections: ClusterConnection[] = [];

  constructor(
    @Inject(bridgeConfig.KEY) private readonly config: BridgeConfig,
    @Inject(BridgeIntake) private readonly intake: BridgeIntake,
    @Inject(BridgeCommands) private readonly commands: BridgeCommands,
    @Inject(BridgeMetrics) private readonly metrics: BridgeMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Begins to connect; a cluster that is not there yet is waited for, and `problem` says so. */
  async start(): Promise<void> {
    const { config, clock, logger, metrics } = this;
    const optionsOf = await clusterOptions(config);
    const { default: mqtt } = await import('mqtt');
    const share = config.shared ? `$share/${config.group}/` : '';
    const filters = config.topics.map((filter) => `${share}${config.topicPrefix}${filter}`);
    const surroundings = {
      connect: mqtt.connect,
      filters,
      take: this.intake.take.bind(this.intake),
      longestBackOffMs: config.longestBackOffMs,
      clock,
      logger,
      metrics,
    };
    // Without a group every connection would get every message.
    const count = config.shared ? config.connections : 1;
    this.connections = Array.from({ length: count }, (_, index) => {
      const options = optionsOf(index + 1);
      return new ClusterConnection(options.clientId as string, options, surroundings);
    });
    for (const connection of this.connections) connection.start();
    this.commands.start(this.connections, config.topicPrefix);
  }

  async stopAccepting(): Promise<void> {
    await this.commands.stop();
    if (this.config.leaveOnStop) await Promise.all(this.connections.map((connection) => connection.leave()));
    for (const connection of this.connections) connection.stopAccepting();
  }

  async stop(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.stop()));
  }

  problem(): string | undefined {
    const down = this.connections.filter(({ problem }) => problem !== undefined);
    if (down.length === 0) return undefined;
    const numbers = down.map((connection) => this.connections.indexOf(connection) + 1).join(', ');
    const count = `${down.length} of ${this.connections.length}`;
    return `${count} connections to the MQTT cluster are down (${numbers}): ${down[0]?.problem}`;
  }
}
