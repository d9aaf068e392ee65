import type { DefinitionOf } from '../rule-definition.js';
import type { ReadingEvent } from '../rule-event.js';
import { compare } from './condition.js';
import { type Evaluation, hush, quiet, type Standing, speak, still } from './standing.js';

type WindowRule = DefinitionOf<'window'>;

/** A counter that reports more often than this within a slot is not looked at each time. */
const finenessPerSlot = 60;

export interface WindowState extends Standing {
  /** Event time and value of the newest reading; 0 before the first. */
  seen: number;
  value: number;
  /** The slot under way, and what it holds so far. */
  slot: number;
  sum: number;
  count: number;
  /** The slot under way began without us: its aggregate is not the whole of it. */
  partial: boolean;
  /** Completed slots in a row that met the comparison (test `every`). */
  run: number;
  /** The latest completed slots, oldest first, at most `slots - 1` (test `total`): sum and count. */
  ring: readonly (readonly [number, number])[];
  /** Running mean of unremarkable slots, and how many it has learnt from. */
  mean: number;
  learnt: number;
}

export const initialWindow: WindowState = {
  ...quiet,
  seen: 0,
  value: 0,
  slot: 0,
  sum: 0,
  count: 0,
  partial: true,
  run: 0,
  ring: [],
  mean: 0,
  learnt: 0,
};

/** A reading. One older than the newest is passed over: of a counter it would only say what the newest says already. */
export function readWindow(rule: WindowRule, state: WindowState, event: ReadingEvent): Evaluation<WindowState> {
  const { metric, value, observedAt } = event;
  if (metric !== rule.metric || typeof value !== 'number' || observedAt < state.seen) return still(state);
  const slot = Math.floor(observedAt / rule.slotMs);
  const passed = slot - state.slot;
  if (passed === 0 && isFine(rule, state, value, observedAt)) return still(state);
  if (isUnknown(rule, state, value, observedAt, passed)) {
    const started = { ...state, seen: observedAt, value, slot, sum: 0, count: 0, partial: true, run: 0, ring: [] };
    if (rule.aggregate !== 'increase') gather(rule, started, value);
    return still(started, true);
  }
  const share = rule.aggregate === 'increase' ? (value - state.value) / Math.max(passed, 1) : value;
  const next: WindowState = { ...state, seen: observedAt, value };
  let verdict: 'met' | 'missed' | undefined;
  for (let i = 0; i < passed; i += 1) {
    // The increase since the last reading belongs to the slots that end with this one; the slot it began in is complete.
    verdict = judgeSlot(rule, next);
    completeSlot(rule, next, verdict);
    if (verdict === 'missed' && next.raisedAt > 0) break;
    if (i < passed - 1) gather(rule, next, share);
  }
  next.slot = slot;
  gather(rule, next, share);
  return rule.test === 'every'
    ? sayEvery(rule, next, observedAt, verdict)
    : sayTotal(rule, next, observedAt, passed > 0);
}

/** True for a counter's reading so soon after the last that its increase may as well be counted with the next. */
function isFine(rule: WindowRule, state: WindowState, value: number, at: number): boolean {
  return rule.aggregate === 'increase' && value >= state.value && at - state.seen < rule.slotMs / finenessPerSlot;
}

/** Nothing is known of the time since the last reading: there was none, or too long ago, or the counter fell, or a slot is missing. */
function isUnknown(rule: WindowRule, state: WindowState, value: number, at: number, passed: number): boolean {
  if (state.seen === 0 || at - state.seen > (rule.maxGapMs ?? 2.5 * rule.slotMs)) return true;
  return rule.aggregate === 'increase' ? value < state.value : passed > 1;
}

/** Adds to the slot under way of a state that is being made. */
function gather(rule: WindowRule, draft: WindowState, amount: number): void {
  if (draft.count === 0 || rule.aggregate === 'increase' || rule.aggregate === 'mean') draft.sum += amount;
  else draft.sum = rule.aggregate === 'min' ? Math.min(draft.sum, amount) : Math.max(draft.sum, amount);
  draft.count += 1;
}

function aggregateOf(rule: WindowRule, sum: number, count: number): number {
  return rule.aggregate === 'mean' ? sum / Math.max(count, 1) : sum;
}

/** The comparison's limit for this device; undefined while its baseline is not known. */
function limitOf(rule: WindowRule, state: WindowState): number | undefined {
  if (!rule.baseline) return rule.value;
  if (state.learnt < rule.baseline.minimumSlots) return undefined;
  return Math.max(rule.value, rule.baseline.factor * state.mean);
}

function judgeSlot(rule: WindowRule, state: WindowState): 'met' | 'missed' | undefined {
  const limit = limitOf(rule, state);
  if (state.partial || limit === undefined) return undefined;
  return compare(rule.operator, aggregateOf(rule, state.sum, state.count), limit) ? 'met' : 'missed';
}

/** Closes the slot under way of a state that is being made, and opens the next. */
function completeSlot(rule: WindowRule, draft: WindowState, verdict: 'met' | 'missed' | undefined): void {
  if (rule.baseline && !draft.partial && verdict !== 'met') {
    const { memorySlots, minimumSlots } = rule.baseline;
    draft.learnt = Math.min(draft.learnt + 1, Math.max(memorySlots, minimumSlots));
    draft.mean += (aggregateOf(rule, draft.sum, draft.count) - draft.mean) / draft.learnt;
  }
  if (rule.test === 'total' && rule.slots > 1 && !draft.partial) {
    draft.ring = [...draft.ring, [draft.sum, draft.count] as const].slice(1 - rule.slots);
  }
  draft.run = verdict === 'met' ? Math.min(draft.run + 1, rule.slots) : 0;
  draft.slot += 1;
  draft.sum = 0;
  draft.count = 0;
  draft.partial = false;
}

function sayEvery(
  rule: WindowRule,
  state: WindowState,
  at: number,
  verdict: 'met' | 'missed' | undefined,
): Evaluation<WindowState> {
  if (verdict === undefined) return still(state);
  const evidence = () => ({
    [rule.metric]: state.value,
    slots: state.run,
    slotMs: rule.slotMs,
    ...(rule.baseline ? { usual: state.mean } : {}),
  });
  if (verdict === 'missed') return hush(state, at, evidence, true);
  return state.run >= rule.slots ? speak(rule, state, at, evidence, true) : still(state, true);
}

function sayTotal(rule: WindowRule, state: WindowState, at: number, material: boolean): Evaluation<WindowState> {
  const limit = limitOf(rule, state);
  if (limit === undefined || state.ring.length < rule.slots - 1 || (rule.slots === 1 && state.partial))
    return still(state, material);
  const slots = [...state.ring, [state.sum, state.count] as const];
  const total = totalOf(rule, slots);
  const evidence = () => ({ [rule.metric]: state.value, total, windowMs: rule.slots * rule.slotMs });
  return compare(rule.operator, total, limit)
    ? speak(rule, state, at, evidence, material)
    : hush(state, at, evidence, material);
}

function totalOf(rule: WindowRule, slots: readonly (readonly [number, number])[]): number {
  const sums = slots.filter(([, count]) => count > 0).map(([sum]) => sum);
  switch (rule.aggregate) {
    case 'min':
      return Math.min(...sums);
    case 'max':
      return Math.max(...sums);
    default: {
      const sum = sums.reduce((a, b) => a + b, 0);
      return aggregateOf(
        rule,
        sum,
        slots.reduce((all, [, count]) => all + count, 0),
      );
    }
  }
}
