import { Inject } from '@nestjs/common';
import { ContractError, decodeMessageOwners, streams } from '#libs/contracts';
import { CLOCK, type Clock } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import type { Kind } from './flow-history.js';

/** How long counting goes on after somebody asked, so that their next look finds the hour before it. */
const keepMs = 3_600_000;

/**
 * Counts messages by tenant and product off the tail of `readings`. Every entry has to be decoded for it, so it is done only
 * while somebody wants to know, and for an hour afterwards: the platform's own total needs none of this.
 */
export class MessageCount {
  private counts = new Map<string, Kind & { messages: number }>();
  private untail: (() => void) | undefined;
  private wantedUntil = 0;
  private since = 0;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Somebody wants to know. */
  want(): void {
    this.wantedUntil = this.clock.now() + keepMs;
    if (this.untail) return;
    this.since = this.clock.now();
    this.untail = this.stream.tail(streams.readings, ({ data }) => this.take(data));
  }

  /** What came since the last call; undefined where it was not counted all the time since `from`. */
  collect(from: number): (Kind & { messages: number })[] | undefined {
    const whole = this.untail !== undefined && this.since <= from;
    const counted = [...this.counts.values()];
    this.counts = new Map();
    if (this.clock.now() >= this.wantedUntil) this.stop();
    return whole ? counted : undefined;
  }

  stop(): void {
    this.untail?.();
    this.untail = undefined;
  }

  private take(entry: Uint8Array): void {
    try {
      for (const { tenantKey, productKey } of decodeMessageOwners(entry)) {
        const name = `${tenantKey}/${productKey}`;
        const known = this.counts.get(name);
        if (known) known.messages += 1;
        else this.counts.set(name, { tenantKey, productKey, messages: 1 });
      }
    } catch (error) {
      // An entry that cannot be read is the stage's to refuse.
      if (!(error instanceof ContractError)) throw error;
    }
  }
}
