import type { AlertView } from './alert-watch.js';
import type { Casting } from './scenarios.js';

/** What became of a scenario at one of its devices. */
export interface Outcome {
  scenario: string;
  device: string;
  rule: string;
  /** Id of the alert; null where none came. */
  alert: string | null;
  /** From the incident to the alert's arrival at a reader of the REST API; null where none came. */
  alertAfterSeconds: number | null;
}

interface Expectation {
  casting: Casting;
  ruleIds: ReadonlySet<string>;
  happenedAt: number | undefined;
  alert: { id: string; afterSeconds: number } | undefined;
}

/** Keeps book of the alerts that the platform owes for what happened. */
export class Promises {
  private readonly expectations: Expectation[];

  constructor(castings: readonly Casting[], ruleIds: ReadonlyMap<string, ReadonlySet<string>>) {
    this.expectations = castings.map((casting) => ({
      casting,
      ruleIds: ruleIds.get(casting.scenario.rule) ?? new Set(),
      happenedAt: undefined,
      alert: undefined,
    }));
  }

  /** The incident of a scenario happens now. */
  happened(casting: Casting): void {
    const expectation = this.expectations.find((one) => one.casting === casting);
    if (expectation) expectation.happenedAt = performance.now();
  }

  /** The name of the scenario whose promise this alert keeps, and after how many seconds; undefined where none waits for it. */
  keep(alert: AlertView): { scenario: string; afterSeconds: number } | undefined {
    for (const expectation of this.expectations) {
      const { casting, ruleIds, happenedAt } = expectation;
      if (expectation.alert || happenedAt === undefined || !ruleIds.has(alert.rule.id)) continue;
      if (!casting.victims.some(({ id }) => id === alert.device.id)) continue;
      const afterSeconds = Math.round((performance.now() - happenedAt) / 100) / 10;
      expectation.alert = { id: alert.id, afterSeconds };
      return { scenario: casting.scenario.name, afterSeconds };
    }
    return undefined;
  }

  /** Every scenario at every one of its devices. */
  outcomes(): Outcome[] {
    return this.expectations.flatMap(({ casting: { scenario, victims }, alert }) =>
      victims.map((victim) => ({
        scenario: scenario.name,
        device: victim.id,
        rule: scenario.rule,
        alert: alert?.id ?? null,
        alertAfterSeconds: alert?.afterSeconds ?? null,
      })),
    );
  }
}
