import { Inject, Injectable } from '@nestjs/common';
import type { Transition } from '#libs/contracts';
import { METRICS, type Metrics } from '#libs/runtime';

/** The counters of the rules stages. */
@Injectable()
export class RulesMetrics {
  private readonly evaluatedTotal;
  private readonly transitionsTotal;
  private readonly discardsTotal;

  constructor(@Inject(METRICS) metrics: Metrics) {
    this.evaluatedTotal = metrics.counter(
      'rules_evaluated_total',
      'Readings, events and signs of life judged, counted per rule.',
    );
    this.transitionsTotal = metrics.counter(
      'rules_transitions_total',
      'Verdicts of rules that changed or were repeated.',
      ['kind', 'severity'],
    );
    this.discardsTotal = metrics.counter('discards_total', 'Everything discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  evaluated(count: number): void {
    if (count > 0) this.evaluatedTotal.inc(count);
  }

  transitions(transitions: readonly Transition[]): void {
    for (const { kind, severity } of transitions) this.transitionsTotal.inc({ kind, severity });
  }

  /**
   * `late`: a report came too late to be judged; `unknown_device`, `other_tenant`: its device is gone, or is somebody else's
   * now; `unknown_rule`: a member of a group spoke of a rule that cannot be read.
   */
  discarded(reason: 'late' | 'unknown_device' | 'other_tenant' | 'unknown_rule', count: number): void {
    if (count > 0) this.discardsTotal.inc({ stage: 'rules', reason }, count);
  }
}
