import { type ZodType, z } from 'zod';
import { type DecoderSpec, decoderSchema, type ThingModel, thingModelSchema } from '#libs/devices';
import { validationFailed } from '#libs/runtime';
import type { ProductDefinition } from '../product-compiler.js';

const draft: ZodType<{ thingModel?: ThingModel; decoder?: DecoderSpec }> = z.strictObject({
  thingModel: thingModelSchema.optional(),
  decoder: decoderSchema.optional(),
});

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
