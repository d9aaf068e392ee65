import type { Rule } from './rule.js';
import { inScope, planOf, type RulePlan, type ScopeFacts } from './rule-plan.js';

/** A rule with whom it judges for. */
export interface BookRule extends Rule {
  /** Null for a built-in rule: it judges for every tenant that has not replaced it. */
  tenantKey: string | null;
  /** The built-in rule that this one replaces for its tenant. */
  overridesKey: string | null;
  enabled: boolean;
  deleted: boolean;
}

interface Candidates {
  rules: readonly Rule[];
  /** Some rule asks for more than tenant and product. */
  particular: boolean;
  /** Plans by the places of the rules in them. */
  plans: Map<string, RulePlan>;
}

/** Finds the plan of a device. Immutable: a change of the rules makes another index. */
export class RuleIndex {
  private readonly builtIn: readonly BookRule[];
  private readonly byTenant = new Map<string, BookRule[]>();
  private readonly candidates = new Map<string, Candidates>();
  private readonly ordinals = new Map<number, BookRule>();

  constructor(rules: readonly BookRule[]) {
    for (const rule of rules) this.ordinals.set(rule.ordinal, rule);
    const standing = rules.filter((rule) => !rule.deleted).sort((a, b) => a.ordinal - b.ordinal);
    this.builtIn = standing.filter((rule) => rule.tenantKey === null);
    for (const rule of standing) {
      if (rule.tenantKey === null) continue;
      const own = this.byTenant.get(rule.tenantKey);
      if (own) own.push(rule);
      else this.byTenant.set(rule.tenantKey, [rule]);
    }
  }

  /** Any rule ever made, withdrawn ones included. */
  byOrdinal(ordinal: number): BookRule | undefined {
    return this.ordinals.get(ordinal);
  }

  /** The rules that judge the device. The same object for devices with the same rules. */
  planFor(device: ScopeFacts): RulePlan {
    const name = `${device.tenantKey}|${device.productId}|${device.domain}`;
    let candidates = this.candidates.get(name);
    if (!candidates) {
      candidates = this.candidatesFor(device);
      this.candidates.set(name, candidates);
    }
    const chosen = candidates.particular ? candidates.rules.filter((rule) => inScope(rule, device)) : candidates.rules;
    const key = chosen.map((rule) => rule.ordinal).join(',');
    let plan = candidates.plans.get(key);
    if (!plan) {
      plan = planOf(chosen);
      candidates.plans.set(key, plan);
    }
    return plan;
  }

  private candidatesFor({ tenantKey, productId, domain }: ScopeFacts): Candidates {
    const own = this.byTenant.get(tenantKey) ?? [];
    const replaced = new Set(own.map((rule) => rule.overridesKey));
    const rules = [...this.builtIn.filter((rule) => !replaced.has(rule.key)), ...own].filter(
      ({ enabled, scope }) =>
        enabled &&
        (!scope.productIds || (productId !== undefined && scope.productIds.includes(productId))) &&
        (!scope.domains || (domain !== undefined && scope.domains.includes(domain))),
    );
    const particular = rules.some(
      ({ scope, definition }) => scope.deviceIds || scope.tags || scope.settings || definition.kind === 'group',
    );
    return { rules, particular, plans: new Map() };
  }
}
