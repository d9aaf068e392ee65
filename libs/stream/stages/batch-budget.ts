import type { Turn } from './turns.js';

const tooLongMs = 20;
const shortMs = 5;
/** Small batches cost more than they spare others: some 250 messages, a few milliseconds of work. */
const leastBytes = 65_536;

/** How many bytes a batch may have, so that a stage's batch holds the thread for less than about 20 ms. */
export class BatchBudget {
  private bytes: number;

  constructor(
    readonly maxEntries: number,
    private readonly mostBytes: number,
  ) {
    this.bytes = mostBytes;
  }

  get maxBytes(): number {
    return this.bytes;
  }

  /** Learns from a batch of so many bytes. */
  learn(turn: Turn, batchBytes: number): void {
    const { busyMs } = turn;
    if (busyMs === undefined) return;
    if (busyMs > tooLongMs)
      this.bytes = Math.max(Math.min(leastBytes, this.mostBytes), Math.min(this.bytes, batchBytes) / 2);
    else if (busyMs < shortMs && batchBytes >= this.bytes) this.bytes = Math.min(this.mostBytes, this.bytes * 1.5);
  }
}
