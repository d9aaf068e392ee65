import type { Clock } from '#libs/runtime';

const everyMs = 5_000;

/** Tells whoever waits how far it is: one line per step, and one every few seconds within. */
export class Progress {
  private toldAt: number;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (line: string) => void,
  ) {
    this.toldAt = clock.now();
  }

  /** A step has begun or ended. */
  step(line: string): void {
    this.toldAt = this.clock.now();
    this.tell(line);
  }

  /** So many are done of what is under way. */
  done(what: string, count: number): void {
    if (this.clock.now() - this.toldAt < everyMs) return;
    this.step(`  ${count} ${what}`);
  }
}
