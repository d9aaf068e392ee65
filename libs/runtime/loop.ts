import { type Clock, sleep } from './clock.js';
import type { Logger } from './logger.js';

/** What a loop repeats, and how often. */
export interface LoopOptions {
  /** For the log. */
  name: string;
  clock: Clock;
  logger: Logger;
  /** The longest rest between two turns. */
  pollMs: number;
  /** The rest after a turn that failed; default 1 s. */
  pauseMs?: number;
  /** One turn; true where there is more to do at once. */
  turn: () => Promise<boolean>;
}

/** Repeats a task one turn at a time: at once while there is more to do, else when woken, else after a rest. */
export class Loop {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private nudged = false;
  private nudge: () => void = () => {};

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Ends after the turn under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
  }

  /** Says that there is something to do; also in the midst of a turn that may have looked already. */
  wake(): void {
    this.nudged = true;
    this.nudge();
  }

  private async run(): Promise<void> {
    const { name, logger, turn, pollMs, pauseMs = 1_000 } = this.options;
    while (!this.stopping.signal.aborted) {
      this.nudged = false;
      try {
        if (!(await turn()) && !this.nudged) await this.rest(pollMs);
      } catch (error) {
        logger.warn({ err: error, loop: name }, 'a turn failed; it is tried again');
        await this.rest(pauseMs);
      }
    }
  }

  private async rest(ms: number): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const woken = new AbortController();
    this.nudge = () => woken.abort();
    await sleep(this.options.clock, ms, woken.signal);
    this.nudge = () => {};
  }
}
