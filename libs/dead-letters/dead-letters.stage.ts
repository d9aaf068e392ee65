import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { ContractError, type DeadLetter, decodeDeadLetters } from '#libs/contracts';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, LOGGER, type Logger, METRICS, type Metrics } from '#libs/runtime';
import type { StageBatch, StageResult } from '#libs/stream';
import { type DeadLettersConfig, deadLettersConfig } from './dead-letters.config.js';
import { DeadLettersRepository } from './dead-letters.repository.js';

const pruneEveryMs = 60_000;
const millisecondsPerSecond = 1_000;

/** Projects dead letters into the registry, where operators see them, and keeps that table within its bounds. */
@Controller()
export class DeadLettersStage {
  private readonly projected;
  private readonly unreadable;
  private prunedAt = 0;

  constructor(
    @Inject(DeadLettersRepository) private readonly repository: DeadLettersRepository,
    @Inject(deadLettersConfig.KEY) private readonly config: DeadLettersConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Leases) private readonly leases: Leases,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.projected = metrics.counter('dead_letters_projected_total', 'Dead letters kept for operators.');
    this.unreadable = metrics.counter('discards_total', 'Everything discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  @EventPattern('dead-letters/dead-letters', { tickMs: pruneEveryMs })
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const letters = batch.entries.flatMap((entry) => this.read(entry.data));
    if (letters.length > 0) this.projected.inc(await this.repository.project(letters, batch.source));
    await this.pruneWhenDue();
    return {};
  }

  /** A dead letter that cannot be read has nowhere left to go: it is counted and logged. */
  private read(entry: Uint8Array): DeadLetter[] {
    try {
      return decodeDeadLetters(entry);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.unreadable.inc({ stage: 'dead-letters', reason: 'entry_unreadable' });
      this.logger.error({ err: error }, 'dead letter cannot be read');
      return [];
    }
  }

  private async pruneWhenDue(): Promise<void> {
    const now = this.clock.now();
    if (now - this.prunedAt < pruneEveryMs) return;
    this.prunedAt = now;
    const { maxLetters, maxBytes, maxAgeSeconds } = this.config;
    const oldest = new Date(now - maxAgeSeconds * millisecondsPerSecond);
    await this.leases.exclusively('dead letters', pruneEveryMs, async () => {
      await this.repository.prune({ maxLetters, maxBytes, oldest });
    });
  }
}
