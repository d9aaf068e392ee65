import { Inject, Injectable } from '@nestjs/common';
import { type Command, type CommandOutcome, decodeCommandOutcomes, decodeCommands, streams } from '#libs/contracts';
import { CLOCK, type Clock, LOGGER, type Logger, Loop } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { commandMessage } from './command-message.js';
import { type CommandsConfig, commandsConfig } from './commands.config.js';
import { CommandsRepository } from './commands.repository.js';

/** For so long the registry may be told late what a gateway knows already. */
const sweepsRemembered = 10;

/** What a gateway does with commands. */
export interface CommandTaker {
  /** A command that waits is here: newly given, or found in the registry. It may come more than once. */
  take(command: Command): void;
  /** The outcome after which a command need not be sent again. */
  settledBy: CommandOutcome['kind'];
}

/**
 * The commands that wait for their devices, in the memory of a gateway: from the tail of `commands` at once, and from the
 * registry at start and every `COMMANDS_SWEEP_MS`, because a tail may miss what was appended while it was cut off. What one
 * gateway has delivered the others forget by the tail of `command-outcomes`.
 */
@Injectable()
export class OpenCommands {
  private readonly commands = new Map<string, Command>();
  /** By the device that takes them: the addressee, and the gateway device in front of it. */
  private readonly byTaker = new Map<string, Set<Command>>();
  private readonly settledLately = new Map<string, number>();
  private taker: CommandTaker | undefined;
  private stopTails: (() => void)[] = [];
  private readonly loop: Loop;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CommandsRepository) private readonly repository: CommandsRepository,
    @Inject(commandsConfig.KEY) private readonly config: CommandsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.loop = new Loop({
      name: 'open-commands',
      clock,
      logger,
      pollMs: config.sweepMs,
      turn: async () => {
        await this.sweep();
        return false;
      },
    });
  }

  /** From now on every waiting command is given to `taker`. */
  start(taker: CommandTaker): void {
    this.taker = taker;
    this.stopTails = [
      this.stream.tail(streams.commands, ({ data }) => {
        for (const command of decodeCommands(Buffer.from(data))) this.heard(command);
      }),
      this.stream.tail(streams.commandOutcomes, ({ data }) => {
        for (const { kind, commandId } of decodeCommandOutcomes(Buffer.from(data))) {
          if (kind === taker.settledBy || kind === 'acknowledged' || kind === 'replied') this.settle(commandId);
        }
      }),
    ];
    this.loop.start();
  }

  async stop(): Promise<void> {
    for (const stop of this.stopTails) stop();
    await this.loop.stop();
  }

  /** How many wait. */
  get size(): number {
    return this.commands.size;
  }

  /** Those that a device's session takes: its own, and those of the devices behind it; in the order given. */
  of(deviceKey: string): Command[] {
    const now = this.clock.now();
    return [...(this.byTaker.get(deviceKey) ?? [])]
      .filter(({ expiresAt }) => expiresAt > now)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** True while it is to be sent. */
  waits(command: Command): boolean {
    return this.commands.has(command.id) && command.expiresAt > this.clock.now();
  }

  /** It need not be sent any more. */
  settle(commandId: string): void {
    // The registry is told by a stage: until then a sweep would bring it back.
    this.settledLately.set(commandId, this.clock.now());
    this.forget(commandId);
  }

  private heard(command: Command): void {
    if (command.withdrawn) this.settle(command.id);
    else this.remember(command);
  }

  private remember(command: Command): void {
    const known = this.commands.get(command.id);
    if (!known) {
      if (this.settledLately.has(command.id) || this.commands.size >= this.config.maxOpen) return;
      this.commands.set(command.id, command);
      for (const key of takersOf(command)) {
        const commands = this.byTaker.get(key);
        if (commands) commands.add(command);
        else this.byTaker.set(key, new Set([command]));
      }
    }
    this.taker?.take(known ?? command);
  }

  private forget(commandId: string): void {
    const command = this.commands.get(commandId);
    if (!command) return;
    this.commands.delete(commandId);
    for (const key of takersOf(command)) {
      const commands = this.byTaker.get(key);
      commands?.delete(command);
      if (commands?.size === 0) this.byTaker.delete(key);
    }
  }

  private async sweep(): Promise<void> {
    const startedAt = this.clock.now();
    const known = new Set(this.commands.keys());
    const rows = await this.repository.open(new Date(startedAt), this.config.maxOpen);
    for (const row of rows) known.delete(row.key);
    // What was known before and waits no longer in the registry: expired, cancelled, or delivered by another gateway.
    for (const commandId of known) this.forget(commandId);
    for (const row of rows) this.remember(commandMessage(row));
    for (const [commandId, at] of this.settledLately) {
      if (at < startedAt - this.config.sweepMs * sweepsRemembered) this.settledLately.delete(commandId);
    }
  }
}

function takersOf({ deviceKey, parentKey }: Command): string[] {
  return parentKey === undefined ? [deviceKey] : [deviceKey, parentKey];
}
