import type { NormalisedMessage, ReadingValue } from '#libs/contracts';
import { DeviceRules } from '../device-rules.js';
import { type RuleDefinitionInput, ruleDefinitionSchema } from '../rule-definition.js';
import { planOf } from '../rule-plan.js';

/** Where scripts begin: 2026-03-01 08:00 in Zunyi. */
export const scriptStart = Date.parse('2026-03-01T00:00:00Z');

/** A script's step: what the device reports, or nothing but time passing. `at` in seconds from the start. */
export interface Step {
  at: number;
  push?: Record<string, ReadingValue>;
  event?: string;
  /** When it was received, where not at once. */
  receivedAt?: number;
  quality?: number;
  /** The rule is changed to this before anything else. */
  edit?: RuleDefinitionInput;
}

/** A message of one report. Times are epoch milliseconds. */
export function messageOf(
  device: { key: string; tenantKey: string; productKey: string },
  report: {
    observedAt: number;
    receivedAt?: number;
    event?: string;
    quality?: number;
    values?: Record<string, ReadingValue>;
  },
  messageId: string,
): NormalisedMessage {
  const { observedAt, receivedAt = observedAt, event, quality = 0, values = {} } = report;
  const readings = Object.entries(values).map(([metric, value]) => ({ metric, value, quality }));
  return {
    messageId,
    tenantKey: device.tenantKey,
    deviceKey: device.key,
    productKey: device.productKey,
    productVersion: 1,
    receivedAt,
    outcome: 'decoded',
    reason: '',
    decoder: 'json@1',
    frame: new Uint8Array(),
    reports: [{ observedAt, revision: 0, event, readings }],
  };
}

/**
 * Runs a rule for one device through scripted time, with a tick each second that is due. Answers what it said:
 * `raised@12` for raised with evidence of second 12.
 */
export function runScript(
  definition: RuleDefinitionInput,
  steps: readonly Step[],
  facts: { expectedIntervalMs?: number; settings?: Record<string, unknown> } = {},
): string[] {
  let revision = 0;
  const planFor = (input: RuleDefinitionInput) => {
    revision += 1;
    const definition = ruleDefinitionSchema.parse(input);
    return planOf([{ key: 'rule', ordinal: 1, revision, severity: 'major', scope: {}, definition }]);
  };
  const device = new DeviceRules(planFor(definition), facts.expectedIntervalMs ?? 60_000, facts.settings ?? {});
  const said: string[] = [];
  const sink = (_rule: unknown, { kind, observedAt }: { kind: string; observedAt: number }) => {
    said.push(`${kind}@${(observedAt - scriptStart) / 1000}`);
  };
  for (const step of steps) {
    if (step.edit) device.replan(planFor(step.edit));
    for (;;) {
      const due = device.nextDue();
      const second = due === undefined ? undefined : Math.ceil(due / 1000) * 1000;
      if (second === undefined || second > scriptStart + (step.receivedAt ?? step.at) * 1000) break;
      device.tick(second, sink);
    }
    if (!step.push && step.event === undefined) continue;
    const report = {
      observedAt: scriptStart + step.at * 1000,
      receivedAt: scriptStart + (step.receivedAt ?? step.at) * 1000,
      event: step.event,
      quality: step.quality,
      values: step.push,
    };
    const message = messageOf({ key: 'device', tenantKey: 'tenant', productKey: 'product' }, report, 'b.0.1.0');
    device.judgeMessage(message, { evaluated: 0, late: 0 }, sink);
  }
  return said;
}
