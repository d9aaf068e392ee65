import { storeBusy } from '../telemetry-store.errors.js';

const maxWaiting = 256;

/** Lets so many questions be under way at a time; a bounded number of others waits for its turn. */
export class QueryGate {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private readonly concurrency: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.concurrency) await this.turn();
    else this.running += 1;
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= maxWaiting) throw storeBusy();
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
