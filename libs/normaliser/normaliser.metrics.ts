import { Inject, Injectable } from '@nestjs/common';
import { METRICS, type Metrics } from '#libs/runtime';

/**
 * Counts of one batch, added up in plain numbers and handed to Prometheus once: a labelled counter costs as much as
 * decoding a message.
 */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  each(use: (name: string, count: number) => void): void {
    for (const [name, count] of this.counts) use(name, count);
  }
}

/** The counters of the normaliser. */
@Injectable()
export class NormaliserMetrics {
  private readonly messages;
  private readonly reports;
  private readonly warnings;
  private readonly discards;

  constructor(@Inject(METRICS) metrics: Metrics) {
    this.messages = metrics.counter('normaliser_messages_total', 'Raw messages worked through.', ['outcome']);
    this.reports = metrics.counter('normaliser_reports_total', 'Reports handed on.');
    this.warnings = metrics.counter('normaliser_warnings_total', 'Doubts about what was decoded.', ['kind']);
    this.discards = metrics.counter('discards_total', 'Everything that was not kept, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  /** Takes over what one batch counted. */
  take(batch: { outcomes: Tally; warnings: Tally; discards: Tally; reports: number }): void {
    batch.outcomes.each((outcome, count) => this.messages.inc({ outcome }, count));
    batch.warnings.each((kind, count) => this.warnings.inc({ kind }, count));
    batch.discards.each((reason, count) => this.discards.inc({ stage: 'normaliser', reason }, count));
    this.reports.inc(batch.reports);
  }
}
