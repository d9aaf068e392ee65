/** What a rule looks for. */
export const ruleKinds = ['threshold', 'change', 'event', 'delta', 'window', 'absence', 'group'] as const;
export type RuleKind = (typeof ruleKinds)[number];

export const operators = ['>', '>=', '<', '<=', '==', '!='] as const;
export type Operator = (typeof operators)[number];

/** How one field of a rule's definition is written and what it may be; the limits are those of the API. */
export type RuleField = { name: string; required?: boolean } & (
  | { type: 'metric' | 'text'; longest: number }
  | { type: 'duration'; least: number; most: number; whole?: boolean }
  | { type: 'number'; least: number; most: number; above?: boolean; whole?: boolean }
  | { type: 'choice'; choices: readonly string[]; preset: string }
  | { type: 'scalars' | 'texts' | 'numbers'; most: number; longest: number }
  | { type: 'conditions'; most: number }
);

/** 400 days. */
const longestMs = 400 * 86_400_000;
const anything = Number.MAX_VALUE;

const metric: RuleField = { name: 'metric', type: 'metric', longest: 200, required: true };
const conditions: RuleField = { name: 'conditions', type: 'conditions', most: 8, required: true };
const holdWhile: RuleField = { name: 'holdWhile', type: 'conditions', most: 4 };
const clearAfter: RuleField = duration('clearAfterMs', { least: 1_000 });

/** What every kind of rule may say about when it speaks. */
export const voiceFields: readonly RuleField[] = [
  duration('latenessMs'),
  duration('cooldownMs'),
  duration('repeatMs', { least: 1_000 }),
];

/** The fields of each kind, in the order in which a form shows them. A dotted name is a member of an optional object. */
export const kindFields: Record<RuleKind, readonly RuleField[]> = {
  threshold: [
    conditions,
    { name: 'match', type: 'choice', choices: ['any', 'all'], preset: 'any' },
    duration('forMs'),
    { name: 'forSetting.name', type: 'text', longest: 100 },
    duration('forSetting.unitMs', { least: 1, most: 86_400_000 }),
    duration('maxGapMs'),
    holdWhile,
  ],
  change: [
    metric,
    { name: 'from', type: 'scalars', most: 16, longest: 200 },
    { name: 'to', type: 'scalars', most: 16, longest: 200 },
    clearAfter,
  ],
  event: [
    { name: 'events', type: 'texts', most: 16, longest: 100, required: true },
    { name: 'clearEvents', type: 'texts', most: 16, longest: 100 },
    clearAfter,
    { name: 'unless', type: 'conditions', most: 4 },
  ],
  delta: [
    metric,
    { name: 'tolerance', type: 'number', least: 0, most: anything, required: true },
    { name: 'maxRatePerHour', type: 'number', least: 0, above: true, most: anything, required: true },
    { name: 'rolloverAt', type: 'numbers', most: 12, longest: 30 },
    { name: 'identityMetric', type: 'metric', longest: 200 },
  ],
  window: [
    metric,
    { name: 'aggregate', type: 'choice', choices: ['increase', 'mean', 'min', 'max'], preset: 'increase' },
    duration('slotMs', { least: 1_000, most: 86_400_000, required: true }),
    { name: 'slots', type: 'number', least: 1, most: 96, whole: true, required: true },
    { name: 'test', type: 'choice', choices: ['every', 'total'], preset: 'every' },
    { name: 'operator', type: 'choice', choices: ['>', '>=', '<', '<='], preset: '>' },
    { name: 'value', type: 'number', least: -anything, most: anything, required: true },
    duration('maxGapMs'),
    { name: 'baseline.factor', type: 'number', least: 1, most: 1_000 },
    { name: 'baseline.minimumSlots', type: 'number', least: 1, most: 100_000, whole: true },
    { name: 'baseline.memorySlots', type: 'number', least: 1, most: 100_000, whole: true },
  ],
  absence: [{ name: 'intervals', type: 'number', least: 1, most: 1_000, required: true }, duration('minimumMs')],
  group: [
    conditions,
    { name: 'minimum', type: 'number', least: 2, most: 100, whole: true, required: true },
    duration('windowMs', { required: true }),
    holdWhile,
  ],
};

/** Every field of a kind, its voice included. */
export function fieldsOf(kind: RuleKind): readonly RuleField[] {
  return [...kindFields[kind], ...voiceFields];
}

function duration(name: string, more: { least?: number; most?: number; required?: boolean } = {}): RuleField {
  return { name, type: 'duration', least: 0, most: longestMs, ...more };
}
