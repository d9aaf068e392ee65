import type { ReadingValue } from '#libs/contracts';
import type { DefinitionOf } from '../rule-definition.js';
import type { ReadingEvent } from '../rule-event.js';
import { type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

export interface DeltaState extends Standing {
  /** Event time of the newest reading, 0 before the first. */
  seen: number;
  value: number;
  /** The highest the counter has stood since it last grew beyond doubt. */
  high: number;
  /** The lowest since `high`. */
  low: number;
  /** What the meter calls itself. */
  identity: ReadingValue | null;
}

export const initialDelta: DeltaState = { ...quiet, seen: 0, value: 0, high: 0, low: 0, identity: null };

const hourMs = 3_600_000;
/** A step is never judged faster than over this time: clocks of meters are coarse. */
const shortestStepMs = 60_000;

/** A reading of the counter, or of the metric that names the meter. One older than the newest is passed over. */
export function readDelta(rule: DefinitionOf<'delta'>, state: DeltaState, event: ReadingEvent): Evaluation<DeltaState> {
  const { metric, value, observedAt } = event;
  if (metric === rule.identityMetric) return readIdentity(state, value, observedAt);
  if (metric !== rule.metric || typeof value !== 'number' || observedAt < state.seen) return still(state);
  if (isFine(rule, state, value, observedAt) || otherMeter(rule, state, event)) return still(state);
  if (state.seen === 0) return still({ ...state, seen: observedAt, value, high: value, low: value }, true);
  const moved: DeltaState = { ...state, seen: observedAt, value };
  if (value < state.value && !isReverseFlow(rule, state, value, observedAt)) {
    return hush(
      { ...moved, high: value, low: value },
      observedAt,
      () => ({ [metric]: value, reason: 'register_replaced' }),
      true,
    );
  }
  const low = Math.min(state.low, value);
  if (state.raisedAt > 0 && value - low > rule.tolerance) {
    return hush(
      { ...moved, high: value, low: value },
      observedAt,
      () => ({ [metric]: value, reason: 'flow_resumed' }),
      true,
    );
  }
  if (value >= state.high) return still({ ...state, seen: observedAt, value, high: value, low: value });
  const next: DeltaState = { ...moved, low };
  if (state.high - value <= rule.tolerance) return still(next);
  const fell = value < state.value;
  const evidence = () => ({ [metric]: value, highest: state.high, decrease: state.high - value });
  return fell || state.raisedAt === 0 ? speak(rule, next, observedAt, evidence) : still(next);
}

/** True for growth so small and soon that it may as well be noted with the next reading. */
function isFine(rule: DefinitionOf<'delta'>, state: DeltaState, value: number, at: number): boolean {
  const grown = value - state.high;
  return grown >= 0 && state.raisedAt === 0 && at - state.seen < shortestStepMs && grown <= rule.tolerance / 10;
}

/** False for a rollover of the register, and for a fall faster than water can flow: another meter, or a register set by hand. */
function isReverseFlow(rule: DefinitionOf<'delta'>, state: DeltaState, value: number, at: number): boolean {
  const hours = Math.max(at - state.seen, shortestStepMs) / hourMs;
  const possible = rule.maxRatePerHour * hours + rule.tolerance;
  const rolled = rule.rolloverAt.some((modulus) => state.value < modulus && modulus - state.value + value <= possible);
  return !rolled && state.value - value <= possible;
}

/** True where the report itself says that another meter was read: judged when its name comes. */
function otherMeter(rule: DefinitionOf<'delta'>, state: DeltaState, event: ReadingEvent): boolean {
  if (rule.identityMetric === undefined || state.identity === null) return false;
  const named = event.report.find((reading) => reading.metric === rule.identityMetric);
  return named !== undefined && named.value !== state.identity;
}

function readIdentity(state: DeltaState, value: ReadingValue, at: number): Evaluation<DeltaState> {
  if (typeof value === 'object' || value === state.identity) return still(state);
  if (state.identity === null) return still({ ...state, identity: value }, true);
  const replaced: DeltaState = { ...state, identity: value, seen: 0, value: 0, high: 0, low: 0 };
  return hush(replaced, at, () => ({ identity: value, previous: state.identity, reason: 'meter_changed' }), true);
}
