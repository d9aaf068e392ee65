import { Inject, Injectable } from '@nestjs/common';
import { type Command, encodeCommands, type Lane, partitionOf, streams } from '#libs/contracts';
import { CLOCK, type Clock, LOGGER, type Logger } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';

/** The way of commands to the gateways. */
@Injectable()
export class CommandLine {
  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The time now, `seconds` from now where given. */
  time(seconds = 0): Date {
    return new Date(this.clock.now() + seconds * 1_000);
  }

  /**
   * Tells every gateway. The registry has the command already, and gateways look there from time to time: where the stream
   * does not take it now, it is late and not lost.
   */
  async tell(command: Command, lane: Lane): Promise<void> {
    const partition = partitionOf(command.deviceKey, this.stream.partitions);
    try {
      await this.stream.append(
        [{ stream: streams.commands, lane, partition, data: encodeCommands([command]) }],
        'platform',
      );
    } catch (error) {
      this.logger.warn(
        { err: error, command: command.id },
        'the stream does not take a command; gateways find it later',
      );
    }
  }
}
