import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, sleep } from '#libs/runtime';
import { Attempts } from './attempts.js';
import { judgeAnswer } from './delivery.js';
import { type Claimed, DeliveryQueueRepository } from './delivery-queue.repository.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import { OutcomeRecorder } from './outcome-recorder.js';
import type { Outcome } from './outcomes.repository.js';

/** A claim outlives the longest attempt by this; then it lapses, and the delivery is due again. */
const claimSlackMs = 15_000;
const rewriteAfterMs = 1_000;

/** Claims what is due and delivers it: one after the other per alert, side by side otherwise. */
export class DeliveryEngine {
  private readonly busy = new Map<string, number>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private freed: () => void = () => {};

  constructor(
    @Inject(DeliveryQueueRepository) private readonly queue: DeliveryQueueRepository,
    @Inject(OutcomeRecorder) private readonly recorder: OutcomeRecorder,
    @Inject(Attempts) private readonly attempts: Attempts,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Calls `listener` whenever an attempt has ended: something behind it may be due. */
  onFreed(listener: () => void): void {
    this.freed = listener;
  }

  /** Sets off what is due now, as far as there is room; returns how many. Does not wait for them. */
  async dispatch(): Promise<number> {
    const now = this.clock.now();
    const room = this.config.concurrency - this.underWay.size;
    if (room <= 0) return 0;
    const claimed = await this.queue.claim({
      now,
      lapseAt: now + this.config.attemptTimeoutMs + claimSlackMs,
      room,
      places: this.config.endpointConcurrency,
      busy: this.busy,
    });
    for (const one of claimed) this.begin(one);
    return claimed.length;
  }

  /** Delivers until nothing is due any more. */
  async settle(): Promise<void> {
    while ((await this.dispatch()) > 0 || this.underWay.size > 0) await Promise.race(this.underWay);
  }

  /** Waits for what is under way, at most `graceMs`; the rest lapses, and goes out again later. */
  async stop(graceMs: number): Promise<void> {
    this.stopping.abort();
    await Promise.race([Promise.all(this.underWay), sleep(this.clock, graceMs)]);
    this.attempts.close();
  }

  private begin(claimed: Claimed): void {
    const { key } = claimed.endpoint;
    this.busy.set(key, (this.busy.get(key) ?? 0) + 1);
    const attempt = this.attempt(claimed).finally(() => {
      this.underWay.delete(attempt);
      this.freed();
    });
    this.underWay.add(attempt);
  }

  private async attempt(claimed: Claimed): Promise<void> {
    const begunAt = this.clock.now();
    const answer = await this.attempts.make(claimed);
    // The next of the endpoint need not wait until this one's outcome is written; the next of its alert does.
    this.leave(claimed.endpoint.key);
    const endedAt = this.clock.now();
    const verdict = judgeAnswer(answer, toJudge(claimed), endedAt, Math.random());
    await this.keep({ claimed, begunAt, endedAt, answer, verdict });
  }

  private leave(endpointKey: string): void {
    const left = (this.busy.get(endpointKey) ?? 1) - 1;
    if (left > 0) this.busy.set(endpointKey, left);
    else this.busy.delete(endpointKey);
    this.freed();
  }

  /** The outcome is written however long the registry is away: forgetting a success would deliver twice. */
  private async keep(outcome: Outcome): Promise<void> {
    for (;;) {
      try {
        await this.recorder.record(outcome);
        return;
      } catch {
        if (this.stopping.signal.aborted) return;
        await sleep(this.clock, rewriteAfterMs, this.stopping.signal);
      }
    }
  }
}

function toJudge({ delivery }: Claimed): { attempts: number; deadline: number } {
  return { attempts: delivery.attempts, deadline: delivery.deadline.getTime() };
}
