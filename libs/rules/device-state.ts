import { Packr } from 'msgpackr';
import { initialState, migratedState, type Rule, type RuleState } from './rule.js';
import type { RuleKind } from './rule-definition.js';

/** The state of one rule as it was kept. */
export interface KeptRule {
  ordinal: number;
  revision: number;
  kind: RuleKind;
  state: RuleState;
}

/** All that is kept of one device, as one value of the stream's keyed state. */
export interface KeptDevice {
  heardAt: number;
  seenAt: number;
  rules: KeptRule[];
  /** Whose member it is for its group rules; undefined where none of them is raised. */
  building?: string | undefined;
}

/** Kinds and their fields by place: both orders are part of the stored format. */
const kinds: readonly RuleKind[] = ['threshold', 'change', 'event', 'delta', 'window', 'absence', 'group'];
const standing = ['raisedAt', 'saidAt', 'clearedAt'];
const threshold = [...standing, 'flags', 'since', 'seen', 'values'];
const fields: Readonly<Record<RuleKind, readonly string[]>> = {
  threshold,
  group: threshold,
  change: [...standing, 'seen', 'last'],
  event: [...standing, 'seen'],
  delta: [...standing, 'seen', 'value', 'high', 'low', 'identity'],
  window: [...standing, 'seen', 'value', 'slot', 'sum', 'count', 'partial', 'run', 'ring', 'mean', 'learnt'],
  absence: standing,
};

const version = 1;
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });

/** Encodes a device's state; rules that remember nothing worth keeping are left out, and so is a building that nobody needs. */
export function encodeDevice(
  heardAt: number,
  seenAt: number,
  rules: readonly Rule[],
  states: readonly RuleState[],
  building?: string,
): Buffer {
  const rows: unknown[][] = [];
  let isMember = false;
  for (let place = 0; place < rules.length; place += 1) {
    const rule = rules[place] as Rule;
    const state = states[place] as RuleState;
    if (isForgettable(rule, state)) continue;
    const kind = rule.definition.kind;
    isMember ||= kind === 'group' && state.raisedAt > 0;
    const values = state as unknown as Record<string, unknown>;
    rows.push([rule.ordinal, rule.revision, kinds.indexOf(kind), ...fields[kind].map((field) => values[field])]);
  }
  return packr.pack([version, heardAt, seenAt, rows, ...(isMember && building !== undefined ? [building] : [])]);
}

/** Reads a device's state; undefined where this release cannot read it. */
export function decodeDevice(value: Uint8Array): KeptDevice | undefined {
  const decoded = packr.unpack(value) as [number, number, number, unknown[][], string?];
  if (decoded[0] !== version) return undefined;
  const rules = decoded[3].flatMap((row) => {
    const kind = kinds[row[2] as number];
    if (kind === undefined) return [];
    const state = Object.fromEntries(fields[kind].map((field, at) => [field, row[at + 3]])) as unknown as RuleState;
    return [{ ordinal: row[0] as number, revision: row[1] as number, kind, state }];
  });
  const building = decoded[4];
  return { heardAt: decoded[1], seenAt: decoded[2], rules, ...(building === undefined ? {} : { building }) };
}

/** The state with which `rule` goes on from what was kept of the same kind. */
export function resumedState(rule: Rule, kept: KeptRule | undefined): RuleState {
  if (!kept) return initialState(rule.definition);
  return kept.revision === rule.revision ? kept.state : migratedState(rule.definition, kept.state);
}

/** True where losing the state changes nothing but what an out-of-order reading may do. */
function isForgettable(rule: Rule, state: RuleState): boolean {
  if (state.raisedAt > 0 || state.clearedAt > 0) return false;
  const kind = rule.definition.kind;
  if (kind === 'absence' || kind === 'event') return true;
  return (kind === 'threshold' || kind === 'group') && 'flags' in state && state.flags === 0;
}
