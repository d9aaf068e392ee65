import type { Clock, Logger } from '#libs/runtime';

/** What a poll needs from its surroundings. */
export interface PollSurroundings {
  clock: Clock;
  logger: Logger;
  /** Called once for each failed round. */
  failed: () => void;
}

/**
 * Calls `round` every `everyMs`, one at a time, for as long as it runs. A failed round is logged when the failing begins
 * and tried again: the directories keep serving what they know.
 */
export class RegistryPoll {
  private running = false;
  private cancel = () => {};
  private under: Promise<void> = Promise.resolve();
  private lastGood = 0;
  private problem: string | undefined;

  constructor(
    private readonly name: string,
    private readonly everyMs: number,
    private readonly surroundings: PollSurroundings,
    private readonly round: () => Promise<void>,
  ) {}

  start(): void {
    this.running = true;
    this.lastGood = this.surroundings.clock.now();
    this.plan();
  }

  /** Ends the polling once the round under way is through. */
  async stop(): Promise<void> {
    this.running = false;
    this.cancel();
    await this.under;
  }

  /** What is wrong, or undefined. */
  get health(): string | undefined {
    if (this.problem === undefined) return undefined;
    const seconds = Math.round((this.surroundings.clock.now() - this.lastGood) / 1000);
    return `${this.name} serves what it knew ${seconds} s ago: ${this.problem}`;
  }

  private plan(): void {
    if (!this.running) return;
    this.cancel = this.surroundings.clock.after(this.everyMs, () => {
      this.under = this.once().then(() => this.plan());
    });
  }

  private async once(): Promise<void> {
    try {
      await this.round();
      this.lastGood = this.surroundings.clock.now();
      if (this.problem !== undefined) this.surroundings.logger.info({ poll: this.name }, 'the registry answers again');
      this.problem = undefined;
    } catch (error) {
      this.surroundings.failed();
      if (this.problem === undefined) {
        this.surroundings.logger.warn(
          { err: error, poll: this.name },
          'the registry does not answer; serving what is known',
        );
      }
      this.problem = `the registry does not answer (${(error as Error).message.slice(0, 200)})`;
    }
  }
}
