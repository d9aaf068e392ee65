import { streams } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import type { Source, StreamLog } from '#libs/stream';

const freshMs = 900;

/** What waits on the way from the gateway to one source of the presence stage. */
export interface Backlog {
  /** Age of the oldest entry that waits for the normaliser or for presence, in milliseconds. */
  ageMs: number;
  /** The position up to which presence has acknowledged. */
  acknowledged: number;
}

/** Asks the stream about backlogs, at most about once a second for all partitions together. */
export class BacklogWatch {
  private asked: Promise<Map<string, Backlog>> | undefined;
  private askedAt = 0;

  constructor(
    private readonly stream: StreamLog,
    private readonly clock: Clock,
  ) {}

  async of(source: Source): Promise<Backlog> {
    const now = this.clock.now();
    if (!this.asked || now - this.askedAt >= freshMs || now < this.askedAt) {
      this.askedAt = now;
      this.asked = this.read(source.group);
      this.asked.catch(() => {
        this.asked = undefined;
      });
    }
    return (await this.asked).get(placeOf(source)) ?? { ageMs: 0, acknowledged: 0 };
  }

  /** As `of`, but fresh. */
  async ask(source: Source): Promise<Backlog> {
    return (await this.read(source.group)).get(placeOf(source)) ?? { ageMs: 0, acknowledged: 0 };
  }

  private async read(group: string): Promise<Map<string, Backlog>> {
    const backlogs = new Map<string, Backlog>();
    for (const lag of await this.stream.lag()) {
      const own = lag.stream === streams.readings && lag.group === group;
      if (!own && !(lag.stream === streams.raw && lag.group === 'normaliser')) continue;
      const backlog = backlogs.get(placeOf(lag)) ?? { ageMs: 0, acknowledged: 0 };
      backlog.ageMs = Math.max(backlog.ageMs, lag.ageMs);
      if (own) backlog.acknowledged = lag.acknowledged;
      backlogs.set(placeOf(lag), backlog);
    }
    return backlogs;
  }
}

function placeOf({ lane, partition }: Pick<Source, 'lane' | 'partition'>): string {
  return `${lane}/${partition}`;
}
