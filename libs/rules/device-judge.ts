import { Inject, Injectable } from '@nestjs/common';
import type { NormalisedMessage } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import type { JudgedCount, VerdictSink, Withdrawn } from './device-rules.js';
import type { Rule, Verdict } from './rule.js';
import { RuleBook } from './rule-book.js';
import type { TrackedDevice } from './tracked-device.js';
import { type TransitionOutput, transitionOf } from './transition-output.js';

/** Judges messages and time for single devices, and turns verdicts into transitions or, for group rules, group readings. */
@Injectable()
export class DeviceJudge {
  constructor(
    @Inject(RuleBook) readonly book: RuleBook,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Judges one message. */
  message(device: TrackedDevice, message: NormalisedMessage, count: JudgedCount, output: TransitionOutput): void {
    this.refresh(device, message.receivedAt, message.messageId, output);
    device.rules.judgeMessage(message, count, this.sink(device.known, message.messageId, output));
  }

  /** Lets time come to `now`. */
  tick(device: TrackedDevice, now: number, output: TransitionOutput): void {
    this.refresh(device, now, '', output);
    device.rules.tick(now, this.sink(device.known, '', output));
  }

  /** Takes over changed rules; what is raised by a rule that no longer judges the device is cleared. */
  refresh(device: TrackedDevice, at: number, messageId: string, output: TransitionOutput): void {
    const withdrawn = device.refresh();
    if (withdrawn.length > 0) this.withdraw(device, withdrawn, at, messageId, output);
  }

  /** Clears what is raised by rules that no longer judge the device; a building that it has left is told so. */
  withdraw(
    { known }: TrackedDevice,
    withdrawn: readonly Withdrawn[],
    at: number,
    messageId: string,
    output: TransitionOutput,
  ): void {
    let place = 0;
    for (const { ordinal, kind, state, building } of withdrawn) {
      const rule = this.book.byOrdinal(ordinal);
      if (!rule) continue;
      // Never before what it ends, whatever the device's clock says: it would be passed over as older.
      const observedAt = Math.max(at, state.saidAt);
      const verdict = { kind: 'cleared' as const, observedAt, evidence: { reason: 'rule_withdrawn' } };
      if (kind === 'group') this.member(rule, verdict, { ...known, building }, messageId, output);
      else this.transition(rule, verdict, known, messageId, `w${state.raisedAt}.${place++}`, output);
    }
  }

  private sink(device: KnownDevice, messageId: string, output: TransitionOutput): VerdictSink {
    let place = 0;
    return (rule: Rule, verdict: Verdict, cause: string) => {
      if (rule.definition.kind === 'group') this.member(rule, verdict, device, messageId, output);
      else this.transition(rule, verdict, device, messageId, `${cause}.${place++}`, output);
    };
  }

  private transition(
    rule: Rule,
    verdict: Verdict,
    { key, tenantKey }: KnownDevice,
    messageId: string,
    cause: string,
    output: TransitionOutput,
  ): void {
    const judgedAt = this.clock.now();
    output.transitions.push(
      transitionOf(verdict, { rule, tenantKey, deviceKey: key, subject: key, judgedAt, messageId, cause }),
    );
  }

  private member(rule: Rule, verdict: Verdict, device: KnownDevice, messageId: string, output: TransitionOutput): void {
    if (device.building === undefined) return;
    output.groupReadings.push({
      group: device.building,
      tenantKey: device.tenantKey,
      ruleOrdinal: rule.ordinal,
      ruleRevision: rule.revision,
      deviceKey: device.key,
      deviceId: device.id,
      meets: verdict.kind !== 'cleared',
      observedAt: verdict.observedAt,
      messageId,
    });
  }
}
