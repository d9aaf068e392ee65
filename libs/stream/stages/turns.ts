import type { Lane } from '#libs/contracts';

/** One batch's time on the thread. */
export interface Turn {
  /** Milliseconds until the thread was free again; undefined before that. */
  busyMs: number | undefined;
}

/**
 * Gives batches their turn on the thread, one per round of the event loop, so that sockets, timers and messages are
 * served between them. Whoever waits in the urgent lane goes before all of the bulk lane.
 */
export class Turns {
  private readonly waiting: Record<Lane, ((turn: Turn) => void)[]> = { urgent: [], bulk: [] };
  private scheduled = false;
  private current: { turn: Turn; startedAt: number } | undefined;

  /** Resolves when it is this caller's turn. */
  take(lane: Lane): Promise<Turn> {
    return new Promise((resolve) => {
      this.waiting[lane].push(resolve);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.next();
    });
  }

  private next(): void {
    const now = performance.now();
    if (this.current) this.current.turn.busyMs = now - this.current.startedAt;
    this.current = undefined;
    const resolve = this.waiting.urgent.shift() ?? this.waiting.bulk.shift();
    if (!resolve) return;
    const turn: Turn = { busyMs: undefined };
    this.current = { turn, startedAt: now };
    // Once more even where nobody waits: to see when the thread is free again.
    this.schedule();
    resolve(turn);
  }
}
