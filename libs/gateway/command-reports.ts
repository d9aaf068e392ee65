import { Inject, Injectable } from '@nestjs/common';
import { type Command, type CommandOutcome, encodeCommandOutcomes, streams } from '#libs/contracts';
import { DeviceDirectory } from '#libs/devices';
import { CLOCK, type Clock, LOGGER, type Logger, Loop, METRICS, type Metrics } from '#libs/runtime';
import { type Append, STREAM, type StreamLog } from '#libs/stream';

const mostWaiting = 10_000;
const nothing = new Uint8Array(0);

/**
 * Tells, through the stream, what the gateway did with commands. A report is news, not truth: where so many wait that the
 * oldest are dropped, the command is sent once more, and its device knows it by its id. It is the platform's own: there are no
 * more of them than there are commands.
 */
@Injectable()
export class CommandReports {
  private waiting: CommandOutcome[] = [];
  private readonly outcomes;
  private readonly loop: Loop;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.outcomes = metrics.counter('gateway_commands_total', 'Commands by what the gateway did with them.', [
      'outcome',
    ]);
    const turn = async () => {
      await this.flush();
      return this.waiting.length > 0;
    };
    this.loop = new Loop({ name: 'command-reports', clock, logger, pollMs: 60_000, turn });
  }

  start(): void {
    this.loop.start();
  }

  /** Tells what is known; what the stream does not take now is told by what happens next. */
  async stop(): Promise<void> {
    await this.loop.stop();
    await this.flush().catch(() => undefined);
  }

  report(kind: 'sent' | 'acknowledged', { id: commandId, tenantKey, deviceKey }: Command): void {
    this.outcomes.inc({ outcome: kind });
    if (this.waiting.length >= mostWaiting) this.waiting.shift();
    this.waiting.push({ kind, commandId, tenantKey, deviceKey, at: this.clock.now(), messageId: '', payload: nothing });
    this.loop.wake();
  }

  /** Counts a command that could not be handed on; it is tried again. */
  failed({ id }: Command, error: Error): void {
    this.outcomes.inc({ outcome: 'failed' });
    this.logger.warn({ err: error, command: id }, 'a command could not be handed on; it is tried again');
  }

  private async flush(): Promise<void> {
    const reports = this.waiting;
    if (reports.length === 0) return;
    const groups = new Map<string, { place: Pick<Append, 'lane' | 'partition'>; outcomes: CommandOutcome[] }>();
    for (const outcome of reports) {
      const device = this.directory.byKey(outcome.deviceKey);
      if (!device) continue;
      const { lane, partition } = device;
      const group = groups.get(`${lane} ${partition}`);
      if (group) group.outcomes.push(outcome);
      else groups.set(`${lane} ${partition}`, { place: { lane, partition }, outcomes: [outcome] });
    }
    this.waiting = [];
    try {
      await this.stream.append(
        [...groups.values()].map(({ place, outcomes }) => ({
          stream: streams.commandOutcomes,
          ...place,
          data: encodeCommandOutcomes(outcomes),
        })),
        'platform',
      );
    } catch (error) {
      this.waiting = [...reports, ...this.waiting].slice(-mostWaiting);
      throw error;
    }
  }
}
