import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger, METRICS, type Metrics } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { deadLetteredOf, differenceOf, inFlightOf, type ReconciledPlace, reconcile, total } from './reconciliation.js';

/** A stage that gives something up between two looks shows as a difference: looked at again, it does not. */
const looks = 3;

/** Balances what was acknowledged against what became of it, from counts that were kept with the work itself. */
@Injectable()
export class ReconciliationService {
  private readonly messages;
  private readonly difference;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.messages = metrics.gauge(
      'reconciliation_messages',
      'Messages since ever, of the whole platform: acknowledged = stored + dead_lettered + in_flight.',
      ['state'] as const,
    );
    this.difference = metrics.gauge(
      'reconciliation_difference',
      'Acknowledged messages that are missing, and any that are there too often; 0 when all is well.',
    );
    metrics.beforeReading(() => this.show());
  }

  /** Every lane of every partition. */
  async look(): Promise<ReconciledPlace[]> {
    for (let left = looks; ; left -= 1) {
      // In this order: what is stored in between is never taken for missing.
      const lags = await this.stream.lag();
      const places = reconcile(lags, await this.store.positions());
      if (left === 1 || places.every((place) => differenceOf(place) === 0)) return places;
    }
  }

  private async show(): Promise<void> {
    try {
      const sum = total(await this.look());
      this.messages.set({ state: 'acknowledged' }, sum.acknowledged);
      this.messages.set({ state: 'stored' }, sum.stored);
      this.messages.set({ state: 'dead_lettered' }, deadLetteredOf(sum));
      this.messages.set({ state: 'in_flight' }, inFlightOf(sum));
      this.difference.set(differenceOf(sum));
    } catch (error) {
      // No figure rather than an old one: nobody knows just now.
      this.messages.reset();
      this.difference.reset();
      this.logger.warn({ err: error }, 'the messages could not be reconciled just now');
    }
  }
}
