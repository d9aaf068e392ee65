import { Inject } from '@nestjs/common';
import { type DeadLetter, encodeDeadLetters, partitionOf, streams } from '#libs/contracts';
import { LOGGER, type Logger, METRICS, type Metrics } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import type { DeliveryRow } from './delivery-queue.repository.js';
import { type Outcome, OutcomesRepository } from './outcomes.repository.js';

/** Outcomes written by one transaction. */
const batchSize = 200;

interface Waiting {
  outcome: Outcome;
  done: () => void;
  failed: (error: Error) => void;
}

/** Writes outcomes as they come, those that come meanwhile together: the registry sees few transactions. */
export class OutcomeRecorder {
  private readonly attemptsTotal;
  private readonly attemptSeconds;
  private readonly discardsTotal;
  private waiting: Waiting[] = [];
  private writing = false;

  constructor(
    @Inject(OutcomesRepository) private readonly outcomes: OutcomesRepository,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.attemptsTotal = metrics.counter('notifier_attempts_total', 'Attempts to deliver, by what came of them.', [
      'outcome',
    ]);
    this.attemptSeconds = metrics.histogram('notifier_attempt_seconds', 'How long attempts took.');
    this.discardsTotal = metrics.counter('discards_total', 'What was discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  /** Resolves when the outcome is committed. */
  record(outcome: Outcome): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ outcome, done, failed });
      void this.write();
    });
  }

  /** Puts deliveries that were given up where operators find them. Written again, a dead letter is known by its id. */
  async bury(deliveries: readonly { delivery: DeliveryRow; error: string; at: number }[]): Promise<void> {
    if (deliveries.length === 0) return;
    await this.stream.append(
      deliveries.map(({ delivery, error, at }) => ({
        stream: streams.deadLetters,
        lane: 'bulk' as const,
        partition: partitionOf(delivery.alertKey, this.stream.partitions),
        data: encodeDeadLetters([deadLetterOf(delivery, error, at)]),
      })),
      'platform',
    );
    this.discardsTotal.inc({ stage: 'notifier', reason: 'delivery_dead' }, deliveries.length);
  }

  /** Gives up what disabled endpoints have held past its deadline, a batch at a time. */
  async giveUpHeld(now: number): Promise<void> {
    for (;;) {
      const bury = (given: readonly DeliveryRow[]) =>
        this.bury(given.map((delivery) => ({ delivery, error: delivery.lastError ?? '', at: now })));
      if ((await this.outcomes.giveUp(now, batchSize, bury)) < batchSize) return;
    }
  }

  private async write(): Promise<void> {
    if (this.writing) return;
    this.writing = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, batchSize);
      try {
        await this.writeBatch(batch.map(({ outcome }) => outcome));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error as Error);
      }
    }
    this.writing = false;
  }

  private async writeBatch(outcomes: Outcome[]): Promise<void> {
    const dead = outcomes.filter(({ verdict }) => verdict.outcome.kind === 'dead');
    await this.bury(
      dead.map(({ claimed, verdict, endedAt }) => ({ delivery: claimed.delivery, error: verdict.error, at: endedAt })),
    );
    const events = await this.outcomes.record(outcomes);
    for (const { verdict, answer } of outcomes) {
      this.attemptsTotal.inc({ outcome: verdict.outcome.kind });
      this.attemptSeconds.observe(answer.durationMs / 1_000);
    }
    for (const event of events) this.logger.warn({ event }, `webhook endpoint: ${event.kind}`);
  }
}

function deadLetterOf(delivery: DeliveryRow, error: string, at: number): DeadLetter {
  return {
    id: `notifier/${delivery.key}/${delivery.deadline.getTime()}`,
    stage: 'notifier',
    stream: '',
    reason: 'delivery_dead',
    detail: `Delivery ${delivery.sequence} of endpoint ${delivery.endpointKey} was given up: ${error}. Send it again with POST /api/v1/deliveries/${delivery.key}/replay.`,
    tenantKey: delivery.tenantKey,
    deviceKey: '',
    messageId: delivery.notificationId,
    at,
    original: Buffer.from(delivery.body),
  };
}
