const longestStepMs = 10_000;
const backwardsMs = 60_000;

/**
 * Counts the time in which the platform listened: the only time in which a device's silence counts. It advances with the
 * horizon, the moment up to which everything received has been worked through, and by at most ten seconds at a time: not
 * while the platform was down or stopped, not while a backlog waits, not over a jump of the machine's clock.
 */
export class ListeningClock {
  private horizon: number | undefined;

  constructor(private listenedMs: number) {}

  /** Seconds listened in all. */
  get seconds(): number {
    return Math.floor(this.listenedMs / 1000);
  }

  /** `backlogAgeMs`: the age of the oldest entry that still waits on the way here, 0 where none does. */
  advance(now: number, backlogAgeMs: number): void {
    const horizon = now - backlogAgeMs;
    const before = this.horizon;
    if (before === undefined || horizon < before - backwardsMs) {
      this.horizon = horizon;
    } else if (horizon > before) {
      this.listenedMs += Math.min(horizon - before, longestStepMs);
      this.horizon = horizon;
    }
  }
}
