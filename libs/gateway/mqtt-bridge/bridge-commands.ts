import { Inject, Injectable } from '@nestjs/common';
import { type Command, partitionOf } from '#libs/contracts';
import { CommandsRepository, type CommandTaker, DeviceDirectory, OpenCommands } from '#libs/devices';
import { CLOCK, type Clock, sleep } from '#libs/runtime';
import { CommandReports } from '../command-reports.js';
import { commandTopic } from '../topics.js';
import type { ClusterConnection } from './cluster-connection.js';

const publishTimeoutMs = 10_000;
const mostAtOnce = 64;

/**
 * Publishes commands at the cluster. Every bridge knows every command, and one of them publishes it: whoever claims it in
 * the registry. A command for which the cluster has no subscriber (MQTT 5 tells) waits, and is tried again when the claim
 * is over; with a persistent session the cluster keeps it for its device, until it expires.
 */
@Injectable()
export class BridgeCommands implements CommandTaker {
  readonly settledBy = 'sent';
  private connections: readonly ClusterConnection[] = [];
  private topicPrefix = '';
  private readonly queue = new Map<string, Command>();
  /** Devices whose command is being published: each gets its commands one after the other. */
  private readonly busy = new Set<string>();
  private stopped = false;

  constructor(
    @Inject(OpenCommands) private readonly open: OpenCommands,
    @Inject(CommandsRepository) private readonly repository: CommandsRepository,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CommandReports) private readonly reports: CommandReports,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  start(connections: readonly ClusterConnection[], topicPrefix: string): void {
    this.connections = connections;
    this.topicPrefix = topicPrefix;
    this.reports.start();
    this.open.start(this);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.queue.clear();
    await this.open.stop();
    await this.reports.stop();
  }

  /** A command waits; it comes again with every look at the registry until it is sent. */
  take(command: Command): void {
    this.queue.set(command.id, command);
    this.handOn();
  }

  private handOn(): void {
    if (this.stopped) return;
    for (const command of this.queue.values()) {
      if (this.busy.size >= mostAtOnce) return;
      if (this.busy.has(command.deviceKey)) continue;
      this.queue.delete(command.id);
      this.busy.add(command.deviceKey);
      this.publish(command)
        .catch((error: Error) => this.reports.failed(command, error))
        .finally(() => {
          this.busy.delete(command.deviceKey);
          this.handOn();
        });
    }
  }

  private async publish(command: Command): Promise<void> {
    const up = this.connections.filter(({ problem }) => problem === undefined);
    const connection = up[partitionOf(command.deviceKey, up.length)];
    const device = this.directory.byKey(command.deviceKey);
    if (!connection || !device || !this.open.waits(command)) return;
    if (!(await this.repository.claim(command.id))) return;
    const parent = device.parentKey === undefined ? undefined : this.directory.byKey(device.parentKey);
    const topic = this.topicPrefix + commandTopic(command.id, device.id, parent?.id);
    const leftSeconds = Math.max(1, Math.ceil((command.expiresAt - this.clock.now()) / 1_000));
    const given = await this.within(connection.publish(topic, command.payload, leftSeconds));
    if (!given) return;
    this.open.settle(command.id);
    this.reports.report('sent', command);
  }

  /** Where the answer does not come in time the command may have been published: its device knows it by its id. */
  private async within(answer: Promise<boolean>): Promise<boolean> {
    const late = new AbortController();
    const timeout = sleep(this.clock, publishTimeoutMs, late.signal).then(() => {
      throw new Error(`the cluster did not acknowledge a command within ${publishTimeoutMs} ms`);
    });
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      timeout.catch(() => undefined);
      answer.catch(() => undefined);
      late.abort();
    }
  }
}
