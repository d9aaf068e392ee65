import { z } from 'zod';
import { type FieldProblem, validationFailed } from '#libs/runtime';
import { type DecoderSpec, propertyKinds, propertyTypes, type ThingModel } from '../thing-model.js';
import type { GoldenFrame } from './golden-frames.js';
import { isUcumUnit } from './ucum.js';

/** What a product version consists of. */
export interface ProductDefinition {
  thingModel: ThingModel;
  decoder: DecoderSpec;
  expectedIntervalMs: number;
  goldenFrames: readonly GoldenFrame[];
}

const identifier = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z0-9_]{1,64}){0,7}$/,
    'write names of letters, digits and _, joined by dots, beginning with a letter: metering.water.total',
  )
  .max(128)
  .refine((name) => !/(?:^|\.)(?:__proto__|constructor|prototype)(?:\.|$)/.test(name), 'this name is reserved');
const name = z.string().trim().min(1, 'give a name').max(100);
const localName = z.strictObject({ zh: name, en: name });
const bound = z.number().finite();

const property = z
  .strictObject({
    identifier,
    name: localName,
    type: z.enum(propertyTypes),
    kind: z.enum(propertyKinds),
    unit: z
      .string()
      .refine(isUcumUnit, 'write a UCUM unit, case-sensitive: L, m3/h, Cel, V, %, kPa, dB{mW}')
      .optional(),
    range: z
      .tuple([bound, bound])
      .refine(([low, high]) => low <= high, 'write the lower bound first')
      .optional(),
    values: z.array(z.string().min(1).max(64)).min(1).max(128).optional(),
  })
  .superRefine((model, context) => {
    const numeric = model.type === 'number' || model.type === 'integer';
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (model.range && !numeric) refuse('range', 'only a number or an integer has a range');
    if (model.unit && !numeric && model.type !== 'object')
      refuse('unit', 'only a number, an integer or an object has a unit');
    if (model.values && model.type !== 'string') refuse('values', 'only a string has values');
    if (model.kind === 'counter' && !numeric) refuse('kind', 'only a number or an integer counts');
  });

const event = z.strictObject({ identifier, name: localName, level: z.enum(['info', 'warning', 'major', 'critical']) });
const command = z.strictObject({ identifier, name: localName, input: unique(z.array(property).max(64)) });

/** 物模型, at most 512 properties. */
export const thingModelSchema = z.strictObject({
  properties: unique(z.array(property).max(512)),
  events: unique(z.array(event).max(128)),
  commands: unique(z.array(command).max(128)),
});

const mapping = z.strictObject({
  field: z.string().min(1).max(256),
  metric: identifier,
  scale: bound.optional(),
  offset: bound.optional(),
  unit: z.string().min(1).max(64).optional(),
  values: z.record(z.string().max(64), z.union([z.string().max(64), bound, z.boolean()])).optional(),
});

/** How frames are decoded; a codec is at most 256 KiB of JavaScript. */
export const decoderSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('json') }),
  z.strictObject({ kind: z.literal('builtin'), name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/) }),
  z.strictObject({
    kind: z.literal('codec'),
    script: z.string().min(1, 'give the codec').max(262_144),
    mapping: z.array(mapping).max(512),
  }),
]);

const goldenFrame = z.strictObject({
  name: z.string().min(1).max(100),
  kind: z.enum(['up', 'telemetry']),
  port: z.number().int().min(0).max(255).optional(),
  hex: z.string().regex(/^(?:[0-9a-fA-F]{2}){1,4096}$/, 'write the bytes as hexadecimal digits, at most 4096 bytes'),
  expected: z
    .record(z.string().max(128), z.union([bound, z.boolean(), z.string().max(1024), z.record(z.string(), z.unknown())]))
    .refine((values) => Object.keys(values).length > 0, 'name at least one metric'),
});

const definition = z.strictObject({
  thingModel: thingModelSchema,
  decoder: decoderSchema.default({ kind: 'json' }),
  expectedIntervalMs: z.number().int().min(1_000).max(2_000_000_000),
  goldenFrames: z.array(goldenFrame).max(64).default([]),
});

/** Reads a product version as somebody sent it. Throws 400 `validation_failed` that names each field and its problem. */
export function readProductDefinition(document: unknown): ProductDefinition {
  const parsed = definition.safeParse(document);
  if (!parsed.success) throw validationFailed(parsed.error.issues.slice(0, 100).map(problemOf));
  return parsed.data;
}

function problemOf(issue: z.core.$ZodIssue): FieldProblem {
  return { field: issue.path.join('.'), problem: issue.message };
}

function unique<T extends z.ZodType<{ identifier: string }[]>>(list: T) {
  return list.superRefine((items, context) => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      if (seen.has(item.identifier)) {
        context.addIssue({
          code: 'custom',
          path: [index, 'identifier'],
          message: `"${item.identifier}" is there twice`,
        });
      }
      seen.add(item.identifier);
    }
  });
}
