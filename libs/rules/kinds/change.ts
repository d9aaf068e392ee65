import type { ReadingValue } from '#libs/contracts';
import type { DefinitionOf } from '../rule-definition.js';
import type { ReadingEvent, TickEvent } from '../rule-event.js';
import { type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

export interface ChangeState extends Standing {
  seen: number;
  last: ReadingValue | null;
}

export const initialChange: ChangeState = { ...quiet, seen: 0, last: null };

/** A reading of the state. The first known is no change, and ends what it is past; one older than the newest is passed over. */
export function readChange(
  rule: DefinitionOf<'change'>,
  state: ChangeState,
  event: ReadingEvent,
): Evaluation<ChangeState> {
  const { metric, value, observedAt } = event;
  if (metric !== rule.metric || observedAt < state.seen || typeof value === 'object') return still(state);
  const next: ChangeState = { ...state, seen: observedAt, last: value };
  const before = state.last;
  if (before === value) return still(next);
  const left =
    before !== null && (rule.from === undefined || (typeof before !== 'object' && rule.from.includes(before)));
  const entered = rule.to === undefined || rule.to.includes(value);
  const evidence = () => ({ [rule.metric]: value, previous: before });
  if (left && entered) return speak(rule, next, observedAt, evidence, true);
  return entered ? still(next, true) : hush(next, observedAt, evidence, true);
}

/** Ends what has said nothing for `clearAfterMs`. */
export function tickChange(
  rule: DefinitionOf<'change'>,
  state: ChangeState,
  event: TickEvent,
): Evaluation<ChangeState> {
  const due = dueAfterSaying(rule.clearAfterMs, state);
  if (due === undefined || event.now < due) return still(state);
  return hush(state, due, () => ({ reason: 'expired' }), true);
}

/** When a verdict that ends by itself does so. */
export function dueAfterSaying(clearAfterMs: number | undefined, state: Standing): number | undefined {
  return clearAfterMs === undefined || state.raisedAt === 0 ? undefined : state.saidAt + clearAfterMs;
}
