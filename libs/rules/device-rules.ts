import { type NormalisedMessage, type Reading, type Report, unjudgeable } from '#libs/contracts';
import { encodeDevice, type KeptDevice, type KeptRule, resumedState } from './device-state.js';
import {
  dueAt,
  type Evaluation,
  evaluate,
  initialState,
  isLate,
  type Rule,
  type RuleState,
  type Verdict,
} from './rule.js';
import type { DeviceFacts, RuleEvent } from './rule-event.js';
import type { RulePlan } from './rule-plan.js';

/** Takes what a rule says of a device. `cause` tells verdicts apart that one message brings about. */
export type VerdictSink = (rule: Rule, verdict: Verdict, cause: string) => void;

/** What became of a message's reports, for the counters. */
export interface JudgedCount {
  evaluated: number;
  /** Reports that at least one rule passed over as history. */
  late: number;
}

/**
 * All rules' states of one device, and the walk of its messages through them. Knows no stream and no clock: live work and
 * backtest use it alike.
 */
export class DeviceRules implements DeviceFacts {
  heardAt = 0;
  seenAt = 0;
  silentSince = 0;
  /** Something changed since the state was last encoded; `material` where it must not wait. */
  dirty = false;
  material = false;
  private states: RuleState[];

  constructor(
    private plan: RulePlan,
    public expectedIntervalMs: number,
    public settings: Readonly<Record<string, unknown>>,
  ) {
    this.states = plan.rules.map((rule) => initialState(rule.definition));
  }

  get currentPlan(): RulePlan {
    return this.plan;
  }

  /** Goes on from what was kept. Answers the kept rules that no longer judge this device and are raised. */
  resume(kept: KeptDevice): KeptRule[] {
    this.heardAt = kept.heardAt;
    this.seenAt = kept.seenAt;
    this.silentSince = kept.seenAt;
    const withdrawn = this.adopt(kept.rules);
    this.material = withdrawn.length > 0;
    return withdrawn;
  }

  /** Goes on under another plan. Answers the rules that no longer judge this device and are raised. */
  replan(plan: RulePlan): KeptRule[] {
    if (samePlan(this.plan, plan)) {
      this.plan = plan;
      return [];
    }
    const before = this.plan.rules.map((rule, place) => ({
      ordinal: rule.ordinal,
      revision: rule.revision,
      kind: rule.definition.kind,
      state: this.states[place] as RuleState,
    }));
    this.plan = plan;
    const withdrawn = this.adopt(before);
    this.dirty = true;
    this.material ||= withdrawn.length > 0;
    return withdrawn;
  }

  /** True where some rule is raised. */
  get raised(): boolean {
    return this.states.some((state) => state.raisedAt > 0);
  }

  /** Judges everything one message reports, oldest report first. */
  judgeMessage(message: NormalisedMessage, count: JudgedCount, sink: VerdictSink): void {
    const { receivedAt, reports } = message;
    this.judgePlaces(this.plan.absences, { kind: 'seen', receivedAt }, 's', count, sink);
    if (receivedAt > this.seenAt) {
      this.seenAt = receivedAt;
      this.silentSince = receivedAt;
    }
    if (reports.length === 1) this.judgeReport(reports[0] as Report, receivedAt, 0, count, sink);
    else if (reports.length > 1) {
      const order = reports.map((_, index) => index);
      order.sort((a, b) => (reports[a] as Report).observedAt - (reports[b] as Report).observedAt || a - b);
      for (const index of order) this.judgeReport(reports[index] as Report, receivedAt, index, count, sink);
    }
  }

  /** Lets time come to `now`, as far as messages have been judged. */
  tick(now: number, sink: VerdictSink): void {
    const event = { kind: 'tick' as const, now };
    for (const place of this.plan.timed) {
      const due = dueAt((this.plan.rules[place] as Rule).definition, this.states[place] as RuleState, this);
      if (due !== undefined && due <= now) this.judge(place, event, `t${due}`, sink);
    }
  }

  /** The next time a tick may matter; undefined where none will. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const place of this.plan.timed) {
      const due = dueAt((this.plan.rules[place] as Rule).definition, this.states[place] as RuleState, this);
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  /** The state as it is kept. */
  encode(): Buffer {
    this.dirty = false;
    this.material = false;
    return encodeDevice(this.heardAt, this.seenAt, this.plan.rules, this.states);
  }

  private judgeReport(report: Report, receivedAt: number, index: number, count: JudgedCount, sink: VerdictSink): void {
    const { observedAt, readings } = report;
    const ageMs = receivedAt - observedAt;
    const cause = String(index);
    let late = false;
    if (report.event !== undefined) {
      const places = this.plan.byEvent.get(report.event);
      if (places) late = this.judgeEvent(places, report, receivedAt, index, count, sink);
    }
    for (let i = 0; i < readings.length; i += 1) {
      const reading = readings[i] as Reading;
      const places = this.plan.byMetric.get(reading.metric);
      if (places === undefined || (reading.quality & unjudgeable) !== 0) continue;
      const { metric, value } = reading;
      const event: RuleEvent = {
        kind: 'reading',
        metric,
        value,
        observedAt,
        receivedAt,
        late: false,
        report: readings,
      };
      for (const place of places) {
        const { definition } = this.plan.rules[place] as Rule;
        if (isLate(definition, ageMs, this.expectedIntervalMs)) {
          late = true;
          continue;
        }
        count.evaluated += 1;
        this.judge(place, event, cause, sink);
      }
    }
    if (late) count.late += 1;
    if (observedAt > this.heardAt && ageMs <= 2 * this.expectedIntervalMs) this.heardAt = observedAt;
  }

  private judgeEvent(
    places: readonly number[],
    report: Report,
    receivedAt: number,
    index: number,
    count: JudgedCount,
    sink: VerdictSink,
  ): boolean {
    const { observedAt, readings } = report;
    const live = places.filter(
      (place) => !isLate((this.plan.rules[place] as Rule).definition, receivedAt - observedAt, this.expectedIntervalMs),
    );
    const event = report.event as string;
    this.judgePlaces(
      live,
      { kind: 'event', event, observedAt, receivedAt, late: false, report: readings },
      `${index}`,
      count,
      sink,
    );
    return live.length < places.length;
  }

  private judgePlaces(
    places: readonly number[],
    event: RuleEvent,
    cause: string,
    count: JudgedCount,
    sink: VerdictSink,
  ): void {
    for (const place of places) {
      count.evaluated += 1;
      this.judge(place, event, cause, sink);
    }
  }

  private judge(place: number, event: RuleEvent, cause: string, sink: VerdictSink): void {
    const rule = this.plan.rules[place] as Rule;
    const before = this.states[place] as RuleState;
    const evaluation: Evaluation<RuleState> = evaluate(rule.definition, before, event, this);
    if (evaluation.state === before) return;
    this.states[place] = evaluation.state;
    this.dirty = true;
    if (evaluation.material) this.material = true;
    for (const verdict of evaluation.verdicts) sink(rule, verdict, cause);
  }

  private adopt(kept: readonly KeptRule[]): KeptRule[] {
    const byOrdinal = new Map(kept.map((one) => [one.ordinal, one]));
    this.states = this.plan.rules.map((rule) => resumedState(rule, byOrdinal.get(rule.ordinal)));
    for (const rule of this.plan.rules) byOrdinal.delete(rule.ordinal);
    return [...byOrdinal.values()].filter((one) => one.state.raisedAt > 0);
  }
}

function samePlan(one: RulePlan, other: RulePlan): boolean {
  return (
    one === other ||
    (one.rules.length === other.rules.length &&
      one.rules.every((rule, place) => {
        const twin = other.rules[place] as Rule;
        return rule.ordinal === twin.ordinal && rule.revision === twin.revision;
      }))
  );
}
