import type { DefinitionOf } from '../rule-definition.js';
import type { DeviceEvent, TickEvent } from '../rule-event.js';
import { dueAfterSaying } from './change.js';
import { anyHolds } from './condition.js';
import { type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

export interface EventState extends Standing {
  seen: number;
}

export const initialEvent: EventState = { ...quiet, seen: 0 };

/** The device announced something. An announcement older than the newest is passed over. */
export function readEvent(rule: DefinitionOf<'event'>, state: EventState, event: DeviceEvent): Evaluation<EventState> {
  const raises = rule.events.includes(event.event);
  if ((!raises && !rule.clearEvents.includes(event.event)) || event.observedAt < state.seen) return still(state);
  if (raises && rule.unless && anyHolds(rule.unless, event.report)) return still(state);
  const next = { ...state, seen: event.observedAt };
  const evidence = () => ({
    event: event.event,
    ...Object.fromEntries(event.report.map((reading) => [reading.metric, reading.value])),
  });
  return raises ? speak(rule, next, event.observedAt, evidence) : hush(next, event.observedAt, evidence);
}

/** Ends what has said nothing for `clearAfterMs`. */
export function tickEvent(rule: DefinitionOf<'event'>, state: EventState, event: TickEvent): Evaluation<EventState> {
  const due = dueAfterSaying(rule.clearAfterMs, state);
  if (due === undefined || event.now < due) return still(state);
  return hush(state, due, () => ({ reason: 'expired' }), true);
}
