import type { StreamLog } from '../stream.port.js';
import type { StageGroup } from './stage-group.js';

const waitMs = 5_000;

/** Runs stages: one waiter for all of them, which wakes the workers of the places that were appended to. */
export class StageLoop {
  private readonly stopping = new AbortController();
  private following: Promise<void> | undefined;

  constructor(
    private readonly log: StreamLog,
    private readonly stages: readonly StageGroup[],
  ) {}

  async start(): Promise<void> {
    for (const stage of this.stages) await stage.start();
    this.following = this.follow();
  }

  /** Finishes and commits the batches under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.stages.map((stage) => stage.drain()));
    await this.following;
  }

  private async follow(): Promise<void> {
    const streams = [...new Set(this.stages.map(({ stream }) => stream))];
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const places = await this.log.waitForAppend(streams, waitMs, signal);
      for (const stage of this.stages) stage.wake(places);
    }
  }
}
