import { type NormalisedMessage, type Reading, type Report, unjudgeable } from '#libs/contracts';
import { encodeDevice, type KeptDevice, type KeptRule, resumedState } from './device-state.js';
import {
  dueAt,
  type Evaluation,
  evaluate,
  initialState,
  isLate,
  judgesWholeReports,
  type Rule,
  type RuleState,
  type Verdict,
} from './rule.js';
import type { DeviceFacts, RuleEvent } from './rule-event.js';
import type { RulePlan } from './rule-plan.js';

/** Takes what a rule says of a device. `cause` tells verdicts apart that one message brings about. */
export type VerdictSink = (rule: Rule, verdict: Verdict, cause: string) => void;

/** A rule that is raised and no longer judges the device: not at all, by another kind, or as a member of another building. */
export interface Withdrawn extends KeptRule {
  /** What the rule joined the device by, where it is a group rule. */
  building: string | undefined;
}

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
    private building?: string,
  ) {
    this.states = plan.rules.map((rule) => initialState(rule.definition));
  }

  get currentPlan(): RulePlan {
    return this.plan;
  }

  /** Goes on from what was kept. Answers what is withdrawn. */
  resume(kept: KeptDevice): Withdrawn[] {
    this.heardAt = kept.heardAt;
    this.seenAt = kept.seenAt;
    this.silentSince = kept.seenAt;
    const withdrawn = this.adopt(kept.rules, kept.building ?? this.building);
    this.material = withdrawn.length > 0;
    return withdrawn;
  }

  /** Goes on under another plan or in another building. Answers what is withdrawn. */
  replan(plan: RulePlan, building?: string): Withdrawn[] {
    const left = this.building;
    this.building = building;
    if (samePlan(this.plan, plan) && left === building) {
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
    const withdrawn = this.adopt(before, left);
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
    return encodeDevice(this.heardAt, this.seenAt, this.plan.rules, this.states, this.building);
  }

  private judgeReport(report: Report, receivedAt: number, index: number, count: JudgedCount, sink: VerdictSink): void {
    const { observedAt, readings } = report;
    const ageMs = receivedAt - observedAt;
    const cause = String(index);
    let late = false;
    judgedWhole.clear();
    if (report.event !== undefined) {
      const places = this.plan.byEvent.get(report.event);
      if (places) late = this.judgeEvent(places, report, receivedAt, index, count, sink);
    }
    const judgeable = readings.every(isJudgeable) ? readings : readings.filter(isJudgeable);
    for (const { metric, value } of judgeable) {
      const places = this.plan.byMetric.get(metric);
      if (places === undefined) continue;
      const event: RuleEvent = {
        kind: 'reading',
        metric,
        value,
        observedAt,
        receivedAt,
        late: false,
        report: judgeable,
      };
      for (const place of places) {
        const { definition } = this.plan.rules[place] as Rule;
        if (isLate(definition, ageMs, this.expectedIntervalMs)) {
          late = true;
          continue;
        }
        if (judgesWholeReports(definition)) {
          if (judgedWhole.has(place)) continue;
          judgedWhole.add(place);
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

  /** Takes over what was kept when it was in `building`. In another one the device is a new member, of which nothing is known. */
  private adopt(kept: readonly KeptRule[], building: string | undefined): Withdrawn[] {
    const moved = building !== this.building;
    const before = new Map(kept.map((one) => [one.ordinal, one]));
    this.states = this.plan.rules.map((rule) => {
      const one = before.get(rule.ordinal);
      const goesOn = one?.kind === rule.definition.kind && !(moved && one.kind === 'group');
      if (goesOn) before.delete(rule.ordinal);
      return resumedState(rule, goesOn ? one : undefined);
    });
    return [...before.values()].filter(({ state }) => state.raisedAt > 0).map((one) => ({ ...one, building }));
  }
}

/** The places that have judged the report under way, of the rules that judge a report as one. */
const judgedWhole = new Set<number>();

function isJudgeable({ quality }: Reading): boolean {
  return (quality & unjudgeable) === 0;
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
