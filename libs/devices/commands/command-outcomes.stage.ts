import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { validate as isUuid } from 'uuid';
import {
  type CommandOutcome,
  type DeadLetter,
  decodeCommandOutcomes,
  encodeDeadLetters,
  streams,
} from '#libs/contracts';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { StageBatch, StageResult } from '#libs/stream';
import { readReply } from './command-message.js';
import { type CommandsConfig, commandsConfig } from './commands.config.js';
import { CommandsRepository } from './commands.repository.js';

const tidyEveryMs = 5_000;
const millisecondsPerDay = 86_400_000;

/** Notes in the registry what became of commands, and ends those that waited too long. */
@Controller()
export class CommandOutcomesStage {
  private readonly outcomes;
  private readonly discards;
  private tidiedAt = 0;

  constructor(
    @Inject(CommandsRepository) private readonly repository: CommandsRepository,
    @Inject(commandsConfig.KEY) private readonly config: CommandsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Leases) private readonly leases: Leases,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.outcomes = metrics.counter('commands_outcomes_total', 'What became of commands.', ['outcome']);
    this.discards = metrics.counter('discards_total', 'Everything discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  @EventPattern('command-outcomes/commands', { tickMs: tidyEveryMs })
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const letters: DeadLetter[] = [];
    for (const entry of batch.entries) {
      // Copied once: an entry may be gone after the next await.
      for (const outcome of decodeCommandOutcomes(Buffer.from(entry.data))) {
        if (await this.note(outcome)) this.outcomes.inc({ outcome: outcome.kind });
        else if (outcome.kind === 'replied') letters.push(this.letterOf(outcome));
      }
    }
    await this.tidyWhenDue();
    if (letters.length === 0) return {};
    const { lane, partition } = batch.source;
    return { append: [{ stream: streams.deadLetters, lane, partition, data: encodeDeadLetters(letters) }] };
  }

  private async note(outcome: CommandOutcome): Promise<boolean> {
    if (!isUuid(outcome.commandId)) return false;
    const reply = outcome.kind === 'replied' ? readReply(outcome.payload) : undefined;
    return this.repository.note(outcome, reply);
  }

  private letterOf(outcome: CommandOutcome): DeadLetter {
    this.discards.inc({ stage: 'commands', reason: 'reply_without_command' });
    return {
      id: `commands:${outcome.messageId}`,
      stage: 'commands',
      stream: '',
      reason: 'reply_without_command',
      detail: `the device was sent no command "${outcome.commandId.slice(0, 64)}"`,
      tenantKey: outcome.tenantKey,
      deviceKey: outcome.deviceKey,
      messageId: outcome.messageId,
      at: this.clock.now(),
      original: outcome.payload,
    };
  }

  private async tidyWhenDue(): Promise<void> {
    const now = this.clock.now();
    if (now - this.tidiedAt < tidyEveryMs) return;
    this.tidiedAt = now;
    await this.leases.exclusively('commands', tidyEveryMs, async () => {
      const expired = await this.repository.expire(new Date(now));
      if (expired > 0) this.outcomes.inc({ outcome: 'expired' }, expired);
      await this.repository.prune(new Date(now - this.config.keepDays * millisecondsPerDay));
    });
  }
}
