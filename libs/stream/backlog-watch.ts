import type { Clock } from '#libs/runtime';
import type { Lag, Source, StreamLog } from './stream.port.js';

const freshMs = 900;

/** A group that reads a stream. */
export type Reader = Pick<Source, 'stream' | 'group'>;

/** What waits on the way to a stage, in one partition of a lane. */
export interface Backlog {
  /** Age of the oldest entry that waits for any reader on the way, in milliseconds. */
  ageMs: number;
  /** The position up to which the stage has acknowledged. */
  acknowledged: number;
}

/** Asks the stream about backlogs, at most about once a second for all partitions together. */
export class BacklogWatch {
  private asked: Promise<Map<string, Backlog>> | undefined;
  private askedAt = 0;

  constructor(
    private readonly stream: StreamLog,
    private readonly clock: Clock,
    private readonly stage: Reader,
    /** Who reads before the stage, so that what it reads comes to be. */
    private readonly before: readonly Reader[],
  ) {}

  async of(place: Pick<Source, 'lane' | 'partition'>): Promise<Backlog> {
    const now = this.clock.now();
    if (!this.asked || now - this.askedAt >= freshMs || now < this.askedAt) {
      this.askedAt = now;
      this.asked = this.read();
      this.asked.catch(() => {
        this.asked = undefined;
      });
    }
    return (await this.asked).get(placeOf(place)) ?? { ageMs: 0, acknowledged: 0 };
  }

  /** As `of`, but fresh. */
  async ask(place: Pick<Source, 'lane' | 'partition'>): Promise<Backlog> {
    return (await this.read()).get(placeOf(place)) ?? { ageMs: 0, acknowledged: 0 };
  }

  private async read(): Promise<Map<string, Backlog>> {
    const backlogs = new Map<string, Backlog>();
    for (const lag of await this.stream.lag()) {
      const own = isOf(lag, this.stage);
      if (!own && !this.before.some((reader) => isOf(lag, reader))) continue;
      const backlog = backlogs.get(placeOf(lag)) ?? { ageMs: 0, acknowledged: 0 };
      backlog.ageMs = Math.max(backlog.ageMs, lag.ageMs);
      if (own) backlog.acknowledged = lag.acknowledged;
      backlogs.set(placeOf(lag), backlog);
    }
    return backlogs;
  }
}

function isOf(lag: Lag, { stream, group }: Reader): boolean {
  return lag.stream === stream && lag.group === group;
}

function placeOf({ lane, partition }: Pick<Source, 'lane' | 'partition'>): string {
  return `${lane}/${partition}`;
}
