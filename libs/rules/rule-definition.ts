import { z } from 'zod';

/** No duration of a rule is longer than 400 days. */
const longestMs = 400 * 86_400_000;
const duration = z.number().int().min(0).max(longestMs);
const metric = z.string().min(1).max(200);
const scalar = z.union([z.number(), z.boolean(), z.string().max(200)]);
const scalars = z.union([scalar, z.array(scalar).min(1).max(16)]);

/** How a value is compared. */
export const operators = ['>', '>=', '<', '<=', '==', '!='] as const;
export type Operator = (typeof operators)[number];
const orderings: readonly string[] = ['>', '>=', '<', '<='];

/**
 * What must be so about one metric. `clear` is where it stops being so: for `>` and `<` a number on the far side of
 * `value` (hysteresis), for `==` the values that end it (`muted` between them changes nothing). Without `clear` it ends
 * with the first reading that does not meet it.
 */
const conditionSchema = z
  .strictObject({ metric, operator: z.enum(operators), value: scalars, clear: scalars.optional() })
  .superRefine((condition, context) => {
    if (!orderings.includes(condition.operator)) return;
    const problem = orderingProblem(condition);
    if (problem) context.addIssue({ code: 'custom', path: [problem.field], message: problem.message });
  });
export type Condition = z.infer<typeof conditionSchema>;
export type Scalar = z.infer<typeof scalar>;

/** What every kind of rule may say about its own voice. */
const voice = {
  /** Readings older than this when received are history; default twice the device's expected interval. */
  latenessMs: duration.optional(),
  /** After a clear, nothing is raised for this long. */
  cooldownMs: duration.optional(),
  /** While raised, fresh evidence is repeated at most this often; without it, never. */
  repeatMs: duration.min(1_000).optional(),
};

/** One or several conditions hold, for `forMs` of event time. */
const thresholdSchema = z.strictObject({
  kind: z.literal('threshold'),
  ...voice,
  conditions: z.array(conditionSchema).min(1).max(8),
  match: z.enum(['any', 'all']).default('any'),
  forMs: duration.default(0),
  /** The device's own duration: the name of a number in its settings, and what one is worth. */
  forSetting: z
    .strictObject({ name: z.string().min(1).max(100), unitMs: z.number().int().min(1).max(86_400_000) })
    .optional(),
  /** A device unheard of for longer does not prove that a condition went on; default twice its expected interval. */
  maxGapMs: duration.optional(),
  /** In a report where one of these holds nothing ends: a test message says `fire: false` of itself, not of the fire. */
  holdWhile: z.array(conditionSchema).max(4).optional(),
});

/** A state changes. With `to`, it ends when the state leaves `to`; else after `clearAfterMs`. */
const changeSchema = z
  .strictObject({
    kind: z.literal('change'),
    ...voice,
    metric,
    from: z.array(scalar).min(1).max(16).optional(),
    to: z.array(scalar).min(1).max(16).optional(),
    clearAfterMs: duration.min(1_000).optional(),
  })
  .refine((rule) => rule.to !== undefined || rule.clearAfterMs !== undefined, {
    path: ['clearAfterMs'],
    message: 'is needed where `to` is not given, or the alert would never end',
  });

/** A device announces an event of its thing model. */
const eventSchema = z.strictObject({
  kind: z.literal('event'),
  ...voice,
  events: z.array(z.string().min(1).max(100)).min(1).max(16),
  /** Events that end it. Without them and without `clearAfterMs`, a person ends it. */
  clearEvents: z.array(z.string().min(1).max(100)).max(16).default([]),
  clearAfterMs: duration.min(1_000).optional(),
  /** Where one of these holds in the same report, a rule about that metric speaks, and this one does not. */
  unless: z.array(conditionSchema).max(4).optional(),
});

/**
 * A counter that must only grow falls by more than `tolerance` below the highest it has reached, in steps that flow could
 * make. A step faster than `maxRatePerHour` is a new meter; one from just below to just above zero of a register in
 * `rolloverAt` is a rollover.
 */
const deltaSchema = z.strictObject({
  kind: z.literal('delta'),
  ...voice,
  metric,
  tolerance: z.number().min(0),
  maxRatePerHour: z.number().positive(),
  rolloverAt: z.array(z.number().positive()).max(12).default([]),
  /** A metric that names the meter: another value is another meter. */
  identityMetric: metric.optional(),
});

/**
 * An aggregate over consecutive slots: `every` slot meets the comparison, or the window as a whole does. A slot without
 * data is neither use nor no use: it ends the run of slots and clears nothing.
 */
const windowSchema = z.strictObject({
  kind: z.literal('window'),
  ...voice,
  metric,
  aggregate: z.enum(['increase', 'mean', 'min', 'max']),
  slotMs: z.number().int().min(1_000).max(86_400_000),
  slots: z.number().int().min(1).max(96),
  test: z.enum(['every', 'total']),
  operator: z.enum(['>', '>=', '<', '<=']),
  value: z.number(),
  /** Readings further apart leave the slots between unknown; default 2.5 slots. */
  maxGapMs: duration.optional(),
  /**
   * The device's own normal slot: the comparison is with the larger of `value` and `factor` times the running mean of its
   * unremarkable slots. Nothing is judged before `minimumSlots` of them.
   */
  baseline: z
    .strictObject({
      factor: z.number().min(1).max(1_000),
      minimumSlots: z.number().int().min(1).max(100_000),
      memorySlots: z.number().int().min(1).max(100_000),
    })
    .optional(),
});

/** A device is silent for `intervals` of its expected interval, and for `minimumMs` at least. */
const absenceSchema = z.strictObject({
  kind: z.literal('absence'),
  ...voice,
  intervals: z.number().min(1).max(1_000),
  minimumMs: duration.default(0),
});

/** `minimum` devices of one building meet a condition at the same time or within `windowMs` of each other. */
const groupSchema = z.strictObject({
  kind: z.literal('group'),
  ...voice,
  by: z.literal('building').default('building'),
  conditions: z.array(conditionSchema).min(1).max(8),
  holdWhile: z.array(conditionSchema).max(4).optional(),
  minimum: z.number().int().min(2).max(100),
  windowMs: duration,
});

/** What a rule looks for, by `kind`. Parsing fills defaults in. */
export const ruleDefinitionSchema = z.discriminatedUnion('kind', [
  thresholdSchema,
  changeSchema,
  eventSchema,
  deltaSchema,
  windowSchema,
  absenceSchema,
  groupSchema,
]);
export type RuleDefinition = z.infer<typeof ruleDefinitionSchema>;
/** A definition as somebody writes it, defaults left out. */
export type RuleDefinitionInput = z.input<typeof ruleDefinitionSchema>;
export type RuleKind = RuleDefinition['kind'];
export type DefinitionOf<K extends RuleKind> = Extract<RuleDefinition, { kind: K }>;

/** Which devices a rule judges: those that meet everything given. Empty: every device of its tenant. */
export const ruleScopeSchema = z.strictObject({
  productIds: z.array(z.string().min(1).max(100)).min(1).max(100).optional(),
  domains: z.array(z.string().min(1).max(100)).min(1).max(100).optional(),
  deviceIds: z
    .array(
      z
        .string()
        .min(1)
        .max(64)
        .transform((id) => id.toLowerCase()),
    )
    .min(1)
    .max(1_000)
    .optional(),
  tags: z.record(z.string().max(100), z.string().max(200)).optional(),
  /** Device settings that must have this value: `{fireLane: true}`. */
  settings: z.record(z.string().max(100), scalar).optional(),
});
export type RuleScope = z.infer<typeof ruleScopeSchema>;

function orderingProblem(condition: {
  operator: string;
  value: unknown;
  clear?: unknown;
}): { field: string; message: string } | undefined {
  const { operator, value, clear } = condition;
  if (typeof value !== 'number') return { field: 'value', message: `must be a number with ${operator}` };
  if (clear === undefined) return undefined;
  if (typeof clear !== 'number') return { field: 'clear', message: `must be a number with ${operator}` };
  const upward = operator.startsWith('>');
  if (upward ? clear > value : clear < value) {
    return { field: 'clear', message: `must not be ${upward ? 'above' : 'below'} value with ${operator}` };
  }
  return undefined;
}
