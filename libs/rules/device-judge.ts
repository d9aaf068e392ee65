import { Inject, Injectable } from '@nestjs/common';
import type { NormalisedMessage } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import type { JudgedCount, VerdictSink } from './device-rules.js';
import type { KeptRule } from './device-state.js';
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

  /** Clears what is raised by rules that no longer judge the device. */
  withdraw(
    device: TrackedDevice,
    withdrawn: readonly KeptRule[],
    at: number,
    messageId: string,
    output: TransitionOutput,
  ): void {
    const sink = this.sink(device.known, messageId, output);
    for (const { ordinal, state } of withdrawn) {
      const rule = this.book.byOrdinal(ordinal);
      if (rule)
        sink(rule, { kind: 'cleared', observedAt: at, evidence: { reason: 'rule_withdrawn' } }, `w${state.raisedAt}`);
    }
  }

  private sink(device: KnownDevice, messageId: string, output: TransitionOutput): VerdictSink {
    let place = 0;
    return (rule: Rule, verdict: Verdict, cause: string) => {
      if (rule.definition.kind === 'group') this.member(rule, verdict, device, messageId, output);
      else {
        const context = { tenantKey: device.tenantKey, deviceKey: device.key, subject: device.key };
        output.transitions.push(
          transitionOf(verdict, {
            rule,
            ...context,
            judgedAt: this.clock.now(),
            messageId,
            cause: `${cause}.${place++}`,
          }),
        );
      }
    };
  }

  private member(rule: Rule, verdict: Verdict, device: KnownDevice, messageId: string, output: TransitionOutput): void {
    if (verdict.kind === 'repeated' || device.building === undefined) return;
    output.groupReadings.push({
      group: device.building,
      tenantKey: device.tenantKey,
      ruleOrdinal: rule.ordinal,
      ruleRevision: rule.revision,
      deviceKey: device.key,
      deviceId: device.id,
      meets: verdict.kind === 'raised',
      observedAt: verdict.observedAt,
      messageId,
    });
  }
}
