import type { Severity } from '#libs/contracts';
import { type RuleDefinitionInput, ruleDefinitionSchema, ruleScopeSchema } from '../rule-definition.js';
import type { SeededRule } from '../rules.repository.js';

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** A rule that every installation of the platform has; its definition is parsed, so that a mistake fails the tests. */
export function builtIn(
  slug: string,
  severity: Severity,
  titleZh: string,
  titleEn: string,
  scope: { domains?: string[]; settings?: Record<string, boolean> },
  definition: RuleDefinitionInput,
): SeededRule {
  return {
    slug,
    severity,
    titleZh,
    titleEn,
    enabled: true,
    scope: ruleScopeSchema.parse(scope),
    definition: ruleDefinitionSchema.parse(definition),
  };
}

/** A threshold rule on a flag: raised while any of `metrics` is true. */
export function whileTrue(...metrics: string[]): RuleDefinitionInput {
  return {
    kind: 'threshold',
    conditions: metrics.map((metric) => ({ metric, operator: '==', value: true })),
    repeatMs: dayMs,
  };
}

/** An event rule that ends by itself a day after the last announcement, unless a metric of the report says the same. */
export function announced(event: string, ...said: { metric: string; value: boolean | string }[]): RuleDefinitionInput {
  return {
    kind: 'event',
    events: [event],
    clearAfterMs: dayMs,
    repeatMs: hourMs,
    ...(said.length > 0
      ? { unless: said.map(({ metric, value }) => ({ metric, operator: '==' as const, value })) }
      : {}),
  };
}
