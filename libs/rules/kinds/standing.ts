/** What a rule says about a device or group. */
export interface Verdict {
  kind: 'raised' | 'repeated' | 'cleared';
  /** Event time of the evidence, epoch milliseconds. */
  observedAt: number;
  evidence: { [key: string]: unknown };
}

/** Where a rule stands towards a device: part of every rule's state. Times are event time, 0 for never. */
export interface Standing {
  /** When it was raised; 0 while it is not. */
  raisedAt: number;
  /** When it last raised or repeated. */
  saidAt: number;
  clearedAt: number;
}

/** The outcome of one evaluation. `state` is the one given where nothing changed. */
export interface Evaluation<S> {
  state: S;
  verdicts: readonly Verdict[];
  /** The change must survive a crash; others (the latest value seen) may be lost with the last minute. */
  material: boolean;
}

/** Timing that every kind shares. */
export interface Voice {
  cooldownMs?: number | undefined;
  repeatMs?: number | undefined;
}

export const quiet: Standing = { raisedAt: 0, saidAt: 0, clearedAt: 0 };
const silence: readonly Verdict[] = [];

/** Nothing to say; `material` where the state changed in a way that must be kept. */
export function still<S>(state: S, material = false): Evaluation<S> {
  return { state, verdicts: silence, material };
}

/** True while the cooldown after the last clear runs. */
export function cooling(rule: Voice, state: Standing, at: number): boolean {
  return state.clearedAt > 0 && rule.cooldownMs !== undefined && at < state.clearedAt + rule.cooldownMs;
}

/** Raises, unless raised already (then repeats, at most every `repeatMs`) or cooling down. */
export function speak<S extends Standing>(
  rule: Voice,
  state: S,
  at: number,
  evidence: () => { [key: string]: unknown },
  material = false,
): Evaluation<S> {
  if (state.raisedAt > 0) {
    if (rule.repeatMs === undefined || at - state.saidAt < rule.repeatMs) return still(state, material);
    return said({ ...state, saidAt: at }, 'repeated', at, evidence());
  }
  if (cooling(rule, state, at)) return still(state, material);
  return said({ ...state, raisedAt: at, saidAt: at }, 'raised', at, evidence());
}

/** Clears where it is raised. */
export function hush<S extends Standing>(
  state: S,
  at: number,
  evidence: () => { [key: string]: unknown },
  material = false,
): Evaluation<S> {
  if (state.raisedAt === 0) return still(state, material);
  return said({ ...state, raisedAt: 0, saidAt: 0, clearedAt: at }, 'cleared', at, evidence());
}

function said<S>(state: S, kind: Verdict['kind'], at: number, evidence: { [key: string]: unknown }): Evaluation<S> {
  return { state, verdicts: [{ kind, observedAt: at, evidence }], material: true };
}
