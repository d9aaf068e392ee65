import type { ReadingValue } from '#libs/contracts';
import type { Condition } from '../rule-definition.js';
import type { DeviceFacts, ReadingEvent, TickEvent } from '../rule-event.js';
import { anyHolds, judgeCondition } from './condition.js';
import { cooling, type Evaluation, hush, quiet, type Standing, speak, still, type Voice } from './standing.js';

/** The part of a definition that this evaluates: a threshold rule, and what a group rule asks of each member. */
export interface ThresholdRule extends Voice {
  conditions: readonly Condition[];
  match: 'any' | 'all';
  forMs: number;
  forSetting?: { name: string; unitMs: number } | undefined;
  maxGapMs?: number | undefined;
  holdWhile?: readonly Condition[] | undefined;
}

export interface ThresholdState extends Standing {
  /** Bit i: condition i holds. */
  flags: number;
  /** Event time since which the conditions hold together; 0 while they do not, or while that is unknown. */
  since: number;
  /** Event time of the newest reading of each condition's metric. */
  seen: readonly number[];
  /** The newest value of each condition that holds. */
  values: readonly (ReadingValue | null)[];
}

export const initialThreshold: ThresholdState = { ...quiet, flags: 0, since: 0, seen: [], values: [] };

/**
 * A report with readings of some of the metrics, judged as one: which of its readings comes first says nothing. A reading
 * older than the newest of its metric is passed over.
 */
export function readThreshold(
  rule: ThresholdRule,
  state: ThresholdState,
  event: ReadingEvent,
  facts: DeviceFacts,
): Evaluation<ThresholdState> {
  const { conditions } = rule;
  let { flags, seen, values } = state;
  let meets = false;
  let ended: { [metric: string]: ReadingValue } | undefined;
  for (let i = 0; i < conditions.length; i += 1) {
    const condition = conditions[i] as Condition;
    if (event.observedAt < (seen[i] ?? 0)) continue;
    const value = event.report.findLast(({ metric }) => metric === condition.metric)?.value;
    if (value === undefined) continue;
    const judgement = judgeCondition(condition, value);
    if (seen === state.seen) seen = copyOf(seen, conditions.length, 0);
    (seen as number[])[i] = event.observedAt;
    if (judgement === 'holds') {
      flags |= 1 << i;
      meets = true;
    } else if (judgement === 'ended') {
      if (rule.holdWhile && anyHolds(rule.holdWhile, event.report)) continue;
      flags &= ~(1 << i);
      ended = { ...ended, [condition.metric]: value };
    }
    if ((flags & (1 << i)) === 0) continue;
    if (values === state.values) values = copyOf(values, conditions.length, null);
    (values as (ReadingValue | null)[])[i] = value;
  }
  if (seen === state.seen) return still(state);
  const holds = rule.match === 'any' ? flags !== 0 : flags === (1 << conditions.length) - 1;
  const since = holds ? sinceOf(rule, state, event.observedAt, facts) : 0;
  const { raisedAt, saidAt, clearedAt } = state;
  const next: ThresholdState = { raisedAt, saidAt, clearedAt, flags, since, seen, values };
  const material = flags !== state.flags || since !== state.since;
  const evidence = () => evidenceOf(rule, next);
  if (!holds) return ended ? hush(next, event.observedAt, () => ({ ...ended }), material) : still(next, material);
  if (next.raisedAt === 0 && event.observedAt - since < durationOf(rule, facts)) return still(next, material);
  if (next.raisedAt > 0 && !meets) return still(next, material);
  return speak(rule, next, event.observedAt, evidence, material);
}

/** Time has come to `now`: raises what has held long enough, unless the device was unheard of for too long to know. */
export function tickThreshold(
  rule: ThresholdRule,
  state: ThresholdState,
  event: TickEvent,
  facts: DeviceFacts,
): Evaluation<ThresholdState> {
  const due = dueThreshold(rule, state, facts);
  if (due === undefined || event.now < due) return still(state);
  if (due - facts.heardAt > gapOf(rule, facts)) return still({ ...state, since: 0 }, true);
  return speak(rule, state, due, () => evidenceOf(rule, state), true);
}

/** When `tickThreshold` would have something to say; undefined where only a reading can. */
export function dueThreshold(rule: ThresholdRule, state: ThresholdState, facts: DeviceFacts): number | undefined {
  if (state.since === 0 || state.raisedAt > 0) return undefined;
  const held = state.since + durationOf(rule, facts);
  return cooling(rule, state, held) ? state.clearedAt + (rule.cooldownMs ?? 0) : held;
}

/** A copy to write into, of full length. */
function copyOf<T>(list: readonly T[], length: number, fill: T): T[] {
  if (list.length === length) return list.slice();
  return Array.from({ length }, (_, at) => list[at] ?? fill);
}

function sinceOf(rule: ThresholdRule, state: ThresholdState, at: number, facts: DeviceFacts): number {
  if (state.since === 0) return at;
  const interrupted = state.raisedAt === 0 && facts.heardAt > 0 && at - facts.heardAt > gapOf(rule, facts);
  return interrupted ? at : state.since;
}

function durationOf(rule: ThresholdRule, facts: DeviceFacts): number {
  const own = rule.forSetting ? facts.settings[rule.forSetting.name] : undefined;
  return typeof own === 'number' && own >= 0 && rule.forSetting ? own * rule.forSetting.unitMs : rule.forMs;
}

function gapOf(rule: ThresholdRule, facts: DeviceFacts): number {
  return rule.maxGapMs ?? 2 * facts.expectedIntervalMs;
}

function evidenceOf(rule: ThresholdRule, state: ThresholdState): { [key: string]: unknown } {
  const evidence: { [key: string]: unknown } = {};
  rule.conditions.forEach((condition, i) => {
    if ((state.flags & (1 << i)) !== 0) evidence[condition.metric] = state.values[i] ?? null;
  });
  if (state.since > 0) evidence.since = new Date(state.since).toISOString();
  return evidence;
}
