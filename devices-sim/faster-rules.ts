import { fleetTag } from './fleet.js';
import { type PlatformApi, PlatformRefusal } from './platform-api.js';
import type { Scenario } from './scenarios.js';

/** A rule as the platform shows it. */
export interface RuleView {
  id: string;
  slug: string;
  builtIn: boolean;
  overrides: string | null;
  severity: string;
  title: { zh: string; en: string };
  definition: Record<string, unknown>;
}

const shortestSlotMs = 1_000;
const shortestGapMs = 10_000;
/** What is usual is learnt in three hours of the simulated day instead of a whole one. */
const usualSlots = 6;

/**
 * The ids of the rules whose alerts keep the promises of the chosen scenarios, by the slug of the built-in rule. Rules
 * that look at long windows get a copy for this fleet with the windows of its faster day; copies of an earlier run, and
 * what they raised, are withdrawn.
 */
export async function prepareRules(
  api: PlatformApi,
  seed: number,
  speed: number,
  chosen: readonly Scenario[],
): Promise<Map<string, Set<string>>> {
  const rules = await api.list<RuleView>('/api/v1/rules');
  const prefix = `${fleetTag(seed)}-`;
  for (const rule of rules) {
    if (!rule.builtIn && rule.slug.startsWith(prefix)) await api.call('DELETE', `/api/v1/rules/${rule.id}`);
  }
  const wanted = new Map<string, Set<string>>();
  for (const slug of new Set(chosen.map(({ rule }) => rule))) {
    const builtIn = rules.find((rule) => rule.builtIn && rule.slug === slug);
    if (!builtIn) throw new Error(`the platform has no built-in rule ${slug}`);
    const ids = rules.filter(({ overrides }) => overrides === builtIn.id).map(({ id }) => id);
    wanted.set(slug, new Set([builtIn.id, ...ids]));
    if (speed === 1 || builtIn.definition.kind !== 'window') continue;
    const copy = await makeCopy(api, builtIn, prefix, speed, fleetTag(seed));
    wanted.get(slug)?.add(copy.id);
  }
  return wanted;
}

/** A window rule for a day that passes `speed` times as fast. */
export function fasterWindow(definition: Record<string, unknown>, speed: number): Record<string, unknown> {
  const slotMs = Math.max(shortestSlotMs, Math.round(Number(definition.slotMs) / speed));
  const baseline = definition.baseline as Record<string, unknown> | undefined;
  return {
    ...definition,
    slotMs,
    // A busy machine that stalls for seconds is no gap in what the meter knows.
    maxGapMs: Math.max(shortestGapMs, Math.round(2.5 * slotMs)),
    ...(definition.repeatMs ? { repeatMs: Math.max(1_000, Math.round(Number(definition.repeatMs) / speed)) } : {}),
    ...(baseline ? { baseline: { ...baseline, minimumSlots: usualSlots } } : {}),
  };
}

async function makeCopy(
  api: PlatformApi,
  rule: RuleView,
  prefix: string,
  speed: number,
  tag: string,
): Promise<RuleView> {
  try {
    return await api.call<RuleView>('POST', '/api/v1/rules', {
      slug: `${prefix}${rule.slug}`,
      title: { zh: `${rule.title.zh}（模拟）`, en: `${rule.title.en} (simulated)` },
      severity: rule.severity,
      scope: { domains: ['water'], tags: { fleet: tag } },
      definition: fasterWindow(rule.definition, speed),
    });
  } catch (error) {
    if (!(error instanceof PlatformRefusal) || error.status !== 403) throw error;
    throw new Error(
      `may not make the rule that this scenario needs at --speed ${speed}: log in as somebody who may write rules, or use --speed 1`,
    );
  }
}
