import type { NormalisedMessage } from '#libs/contracts';
import { DeviceRules } from './device-rules.js';
import type { Rule, Verdict } from './rule.js';
import { planOf } from './rule-plan.js';

/** What a rule would have said, and when. */
export interface BacktestVerdict extends Verdict {
  ruleKey: string;
  deviceKey: string;
}

/** The devices whose history is judged. */
export type BacktestDevice = { expectedIntervalMs: number; settings: Readonly<Record<string, unknown>> };

/**
 * What `rules` would have said of messages in the order of their arrival, up to `until`: the same functions as live. A
 * group rule answers for each member. Platform outages of the time are not known, so silence is judged by the messages alone.
 */
export function backtest(
  rules: readonly Rule[],
  devices: ReadonlyMap<string, BacktestDevice>,
  messages: Iterable<NormalisedMessage>,
  until: number,
): BacktestVerdict[] {
  const plan = planOf(rules);
  const judged = new Map<string, DeviceRules>();
  const verdicts: BacktestVerdict[] = [];
  const sinkOf = (deviceKey: string) => (rule: Rule, verdict: Verdict) => {
    verdicts.push({ ...verdict, ruleKey: rule.key, deviceKey });
  };
  for (const message of messages) {
    const facts = devices.get(message.deviceKey);
    if (!facts || message.outcome !== 'decoded') continue;
    let device = judged.get(message.deviceKey);
    if (!device) {
      device = new DeviceRules(plan, facts.expectedIntervalMs, facts.settings);
      judged.set(message.deviceKey, device);
    }
    const sink = sinkOf(message.deviceKey);
    passTime(device, message.receivedAt, sink);
    device.judgeMessage(message, { evaluated: 0, late: 0 }, sink);
  }
  for (const [key, device] of judged) passTime(device, until, sinkOf(key));
  return verdicts.sort((a, b) => a.observedAt - b.observedAt);
}

/** Lets each deadline up to `now` come. */
function passTime(device: DeviceRules, now: number, sink: (rule: Rule, verdict: Verdict) => void): void {
  for (let due = device.nextDue(); due !== undefined && due <= now; due = device.nextDue()) device.tick(due, sink);
}
