import type { DefinitionOf } from '../rule-definition.js';
import type { DeviceFacts, SeenEvent, TickEvent } from '../rule-event.js';
import { type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

export type AbsenceState = Standing;
export const initialAbsence: AbsenceState = quiet;

/** The device was heard from: it is not silent. */
export function readSeen(state: AbsenceState, event: SeenEvent): Evaluation<AbsenceState> {
  if (state.raisedAt === 0) return still(state);
  return hush(state, event.receivedAt, () => ({ lastSeenAt: new Date(event.receivedAt).toISOString() }));
}

/** Raises where nothing was heard for too long. A device never heard from at all is not silent, but not yet installed. */
export function tickAbsence(
  rule: DefinitionOf<'absence'>,
  state: AbsenceState,
  event: TickEvent,
  facts: DeviceFacts,
): Evaluation<AbsenceState> {
  const due = dueAbsence(rule, state, facts);
  if (due === undefined || event.now < due) return still(state);
  return speak(rule, state, due, () => ({
    lastSeenAt: new Date(facts.seenAt).toISOString(),
    silentMs: event.now - facts.silentSince,
    expectedIntervalMs: facts.expectedIntervalMs,
  }));
}

/** When silence becomes too long. */
export function dueAbsence(rule: DefinitionOf<'absence'>, state: AbsenceState, facts: DeviceFacts): number | undefined {
  if (state.raisedAt > 0 || facts.seenAt === 0) return undefined;
  const due = facts.silentSince + Math.max(rule.intervals * facts.expectedIntervalMs, rule.minimumMs);
  return Math.max(due, state.clearedAt > 0 ? state.clearedAt + (rule.cooldownMs ?? 0) : 0);
}
