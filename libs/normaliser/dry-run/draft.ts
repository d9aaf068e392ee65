import { type ZodType, z } from 'zod';
import { type DecoderSpec, propertyKinds, propertyTypes, type ThingModel } from '#libs/devices';
import { validationFailed } from '#libs/runtime';
import { builtinDecoders, type ProductDefinition } from '../product-compiler.js';

const maxProperties = 500;
const maxMappings = 500;
const maxScriptLength = 262_144;

const identifier = z.string().min(1).max(128);
const localName = z.object({ zh: z.string().max(200), en: z.string().max(200) }).strict();
const nameless = { zh: '', en: '' };

const property = z
  .object({
    identifier,
    name: localName.default(nameless),
    type: z.enum(propertyTypes),
    kind: z.enum(propertyKinds).default('gauge'),
    unit: z.string().max(32).optional(),
    range: z.tuple([z.number(), z.number()]).optional(),
    values: z.array(z.string().max(128)).max(256).optional(),
  })
  .strict();

const thingModel = z
  .object({
    properties: z.array(property).max(maxProperties),
    events: z
      .array(
        z
          .object({
            identifier,
            name: localName.default(nameless),
            level: z.enum(['info', 'warning', 'major', 'critical']),
          })
          .strict(),
      )
      .max(maxProperties)
      .default([]),
    commands: z
      .array(z.object({ identifier, name: localName.default(nameless), input: z.array(property).max(100) }).strict())
      .max(maxProperties)
      .default([]),
  })
  .strict();

const mapping = z
  .object({
    field: z.string().min(1).max(256),
    metric: identifier,
    scale: z.number().optional(),
    offset: z.number().optional(),
    unit: z.string().max(32).optional(),
    values: z.record(z.string().max(128), z.union([z.string().max(1024), z.number(), z.boolean()])).optional(),
  })
  .strict();

const decoder = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('json') }).strict(),
  z.object({ kind: z.literal('builtin'), name: z.enum(builtinDecoders) }).strict(),
  z
    .object({
      kind: z.literal('codec'),
      script: z.string().min(1).max(maxScriptLength),
      mapping: z.array(mapping).max(maxMappings).default([]),
    })
    .strict(),
]);

const draft: ZodType<{ thingModel?: ThingModel; decoder?: DecoderSpec }> = z
  .object({ thingModel: thingModel.optional(), decoder: decoder.optional() })
  .strict();

/** What a draft gives instead of what the version has. Throws 400 `validation_failed` with a path for each problem. */
export function readDraft(document: unknown): Partial<Pick<ProductDefinition, 'thingModel' | 'decoder'>> {
  const parsed = draft.safeParse(document);
  if (!parsed.success) {
    throw validationFailed(
      parsed.error.issues.map((issue) => ({
        field: ['draft', ...issue.path.map(String)].join('.'),
        problem: issue.message,
      })),
    );
  }
  const { thingModel: model, decoder: spec } = parsed.data;
  return { ...(model && { thingModel: model }), ...(spec && { decoder: spec }) };
}
