import type { ZodType } from 'zod';
import { conflict, invalid, PlatformError } from '#libs/runtime';

/** 403 for a change of a built-in rule by somebody who does not answer for every tenant. */
export function builtInRule(id: string): PlatformError {
  return new PlatformError(
    403,
    'rule_built_in',
    `The rule "${id}" is built in and judges for every tenant. Post a rule with "overrides": "${id}" to change or disable it for yours.`,
  );
}

/** 409 where the tenant has a rule of that slug, or one that overrides the same built-in rule. */
export function ruleTaken(slug: string): PlatformError {
  return conflict(
    'rule_exists',
    `slug: the tenant has a rule "${slug}", or one that overrides the same built-in rule.`,
  );
}

/** 400 for a rule that lacks what nothing else says. */
export function ruleIncomplete(fields: readonly string[]): PlatformError {
  return invalid('validation_failed', 'The rule is incomplete.', {
    errors: fields.map((field) => ({ field, problem: 'is needed where the rule overrides none' })),
  });
}

/** The parsed document, or 400 `validation_failed` with a path and a problem for each issue. */
export function parseDocument<T>(field: string, schema: ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid('validation_failed', `The rule's ${field} cannot be used.`, {
    errors: parsed.error.issues.map((issue) => ({
      field: [field, ...issue.path.map(String)].join('.'),
      problem: issue.message,
    })),
  });
}
