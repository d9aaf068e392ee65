import type { Severity } from '#libs/contracts';
import { type AbsenceState, dueAbsence, initialAbsence, readSeen, tickAbsence } from './kinds/absence.js';
import { type ChangeState, dueAfterSaying, initialChange, readChange, tickChange } from './kinds/change.js';
import { type DeltaState, initialDelta, readDelta } from './kinds/delta.js';
import { type EventState, initialEvent, readEvent, tickEvent } from './kinds/event.js';
import { type Evaluation, still } from './kinds/standing.js';
import {
  dueThreshold,
  initialThreshold,
  readThreshold,
  type ThresholdRule,
  type ThresholdState,
  tickThreshold,
} from './kinds/threshold.js';
import { initialWindow, readWindow, type WindowState } from './kinds/window.js';
import type { DefinitionOf, RuleDefinition, RuleScope } from './rule-definition.js';
import type { DeviceFacts, RuleEvent } from './rule-event.js';

export type { Evaluation, Verdict } from './kinds/standing.js';

/** A rule as it is judged. */
export interface Rule {
  key: string;
  /** Stands for the rule in the compact state of devices; never reused. */
  ordinal: number;
  revision: number;
  severity: Severity;
  scope: RuleScope;
  definition: RuleDefinition;
}

/** What a rule remembers of one device: small, plain and bounded, by the definition's kind. */
export type RuleState = ThresholdState | ChangeState | EventState | DeltaState | WindowState | AbsenceState;

/**
 * Judges one event against one rule. Pure: the same function runs live, in a backtest and in tests with scripted time.
 * Answers the state given where nothing changed. A group rule is judged here for one member: its verdicts say that the
 * member began or ceased to meet the condition, and `readMember` joins the members.
 */
export function evaluate(
  definition: RuleDefinition,
  state: RuleState,
  event: RuleEvent,
  facts: DeviceFacts,
): Evaluation<RuleState> {
  if ((event.kind === 'reading' || event.kind === 'event') && event.late) return still(state);
  switch (definition.kind) {
    case 'threshold':
      return evaluateThreshold(definition, state as ThresholdState, event, facts);
    case 'group':
      return evaluateThreshold(memberRule(definition), state as ThresholdState, event, facts);
    case 'change':
      if (event.kind === 'reading') return readChange(definition, state as ChangeState, event);
      return event.kind === 'tick' ? tickChange(definition, state as ChangeState, event) : still(state);
    case 'event':
      if (event.kind === 'event') return readEvent(definition, state as EventState, event);
      return event.kind === 'tick' ? tickEvent(definition, state as EventState, event) : still(state);
    case 'delta':
      return event.kind === 'reading' ? readDelta(definition, state as DeltaState, event) : still(state);
    case 'window':
      return event.kind === 'reading' ? readWindow(definition, state as WindowState, event) : still(state);
    case 'absence':
      if (event.kind === 'seen') return readSeen(state as AbsenceState, event);
      return event.kind === 'tick' ? tickAbsence(definition, state as AbsenceState, event, facts) : still(state);
  }
}

/** When a tick would have something to say; undefined where only another message can. */
export function dueAt(definition: RuleDefinition, state: RuleState, facts: DeviceFacts): number | undefined {
  switch (definition.kind) {
    case 'threshold':
      return dueThreshold(definition, state as ThresholdState, facts);
    case 'group':
      return dueThreshold(memberRule(definition), state as ThresholdState, facts);
    case 'change':
    case 'event':
      return dueAfterSaying(definition.clearAfterMs, state);
    case 'absence':
      return dueAbsence(definition, state as AbsenceState, facts);
    default:
      return undefined;
  }
}

/** The state of a rule that has judged nothing yet. */
export function initialState(definition: RuleDefinition): RuleState {
  switch (definition.kind) {
    case 'threshold':
    case 'group':
      return initialThreshold;
    case 'change':
      return initialChange;
    case 'event':
      return initialEvent;
    case 'delta':
      return initialDelta;
    case 'window':
      return initialWindow;
    case 'absence':
      return initialAbsence;
  }
}

/**
 * The state of a rule whose definition changed: what is raised stays raised, so that the new definition clears it with its
 * first reading or keeps it; everything else starts anew.
 */
export function migratedState(definition: RuleDefinition, before: RuleState): RuleState {
  const initial = initialState(definition);
  const { raisedAt, saidAt, clearedAt } = before;
  return raisedAt === 0 && clearedAt === 0 ? initial : { ...initial, raisedAt, saidAt, clearedAt };
}

/** The metrics whose readings a rule judges. */
export function metricsOf(definition: RuleDefinition): readonly string[] {
  switch (definition.kind) {
    case 'threshold':
    case 'group':
      return [...new Set(definition.conditions.map((condition) => condition.metric))];
    case 'delta':
      return definition.identityMetric === undefined
        ? [definition.metric]
        : [definition.identityMetric, definition.metric];
    case 'change':
    case 'window':
      return [definition.metric];
    case 'event':
    case 'absence':
      return [];
  }
}

/** True where all readings of a report are judged at once, false where one by one. */
export function judgesWholeReports({ kind }: RuleDefinition): boolean {
  return kind === 'threshold' || kind === 'group';
}

/** The device events that a rule judges. */
export function eventsOf(definition: RuleDefinition): readonly string[] {
  return definition.kind === 'event' ? [...new Set([...definition.events, ...definition.clearEvents])] : [];
}

/** True for a report that was history by the time it came, `ageMs` old: it raises nothing and clears nothing. */
export function isLate(definition: RuleDefinition, ageMs: number, expectedIntervalMs: number): boolean {
  return ageMs > (definition.latenessMs ?? 2 * expectedIntervalMs);
}

function evaluateThreshold(
  rule: ThresholdRule,
  state: ThresholdState,
  event: RuleEvent,
  facts: DeviceFacts,
): Evaluation<RuleState> {
  if (event.kind === 'reading') return readThreshold(rule, state, event, facts);
  return event.kind === 'tick' ? tickThreshold(rule, state, event, facts) : still(state);
}

/** A member that still meets the condition says so again this often, so that its group hears of it whatever was missed. */
const memberRepeatMs = 60_000;
const memberRules = new WeakMap<DefinitionOf<'group'>, ThresholdRule>();

/** What a group rule asks of each member. */
function memberRule(definition: DefinitionOf<'group'>): ThresholdRule {
  let rule = memberRules.get(definition);
  if (!rule) {
    const { conditions, holdWhile } = definition;
    rule = { conditions, holdWhile, match: 'any', forMs: 0, repeatMs: memberRepeatMs };
    memberRules.set(definition, rule);
  }
  return rule;
}
