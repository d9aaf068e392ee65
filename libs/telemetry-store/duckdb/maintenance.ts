import type { DuckDBConnection } from '@duckdb/node-api';
import type { TimeOfResolution } from '../telemetry-store.port.js';
import type { Compaction } from './compaction.js';
import type { GroupQueue } from './group-queue.js';
import type { GroupWriter } from './group-writer.js';
import type { LatestSnapshot } from './latest-snapshot.js';
import { late, type Part, type Parts } from './parts.js';
import type { Rollups } from './rollups.js';

/** A day is closed this long after its end: until then its late readings are expected. */
const closesAfterMs = 26 * 3_600_000;
/** A part that was appended to a moment ago is not closed: a rebuild may be filling it. */
const quietMs = 600_000;

/** What happens beside appends: parts are sealed, the latest map is written down, parts are sorted and rolled up, old days go. */
export class Maintenance {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<void> | undefined;
  private now = 0;
  private stopping = false;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly state: { parts: Parts; snapshot: LatestSnapshot; writer: GroupWriter; queue: GroupQueue },
    private readonly compaction: Compaction,
    private readonly rollups: Rollups,
    /** Rows after which an open part is sealed. */
    private readonly partRows: number,
  ) {}

  /** One round, as of `now`. Rounds asked for while one runs are one more round. */
  run(now: number): Promise<void> {
    this.now = now;
    this.next ??= this.serialised(() => {
      this.next = undefined;
      return this.round(this.now);
    });
    return this.next;
  }

  /** Ends the round that runs and writes the latest map down. */
  async finish(): Promise<void> {
    this.stopping = true;
    this.connection.interrupt();
    await this.running;
    await this.state.snapshot.write(this.state.writer.storedAt);
  }

  /** Drops the days that end before `before`, each rolled up as far as roll-ups are kept; returns how many. */
  deleteBefore(before: TimeOfResolution): Promise<number> {
    const { parts, queue, snapshot, writer } = this.state;
    const midnight = (at: number) => parts.dayOf(at).from;
    return this.serialised(async () => {
      const cut = midnight(before.reading);
      for (const part of parts.all().filter((p) => p.to <= cut && p.day !== late && p.state === 'open')) {
        await this.sealPart(part);
      }
      await this.rollups.completeBefore(cut);
      // From here on the roll-ups answer: what a crash leaves of the readings is no day that could be rolled up again.
      await snapshot.deleteBefore(cut);
      const days = new Set<string>();
      await queue.exclusive(async () => {
        for (const part of parts.all().filter((p) => p.to <= cut && p.rows > 0)) {
          writer.release(part);
          if (part.day !== late) days.add(part.day);
          await parts.retire(this.connection, part);
        }
        for (const part of parts.all().filter((p) => p.day === late && p.from < cut && p.state !== 'obsolete')) {
          await parts.deleteRowsBefore(this.connection, part, cut);
        }
      });
      await this.rollups.deleteBefore({ reading: cut, hour: midnight(before.hour), day: midnight(before.day) });
      await this.compaction.drop();
      return days.size;
    });
  }

  /** Runs `task` between two rounds and two commits. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.serialised(() => this.state.queue.exclusive(task));
  }

  /** Empties the store; `forget` clears what else is in memory. */
  clear(forget: () => void): Promise<void> {
    const { parts, queue, snapshot, writer } = this.state;
    return this.serialised(() =>
      queue.exclusive(async () => {
        for (const part of parts.all()) {
          writer.release(part);
          await parts.retire(this.connection, part);
        }
        await this.connection.run('DELETE FROM names; DELETE FROM cursors');
        await snapshot.clear();
        await this.rollups.clear();
        queue.clear();
        forget();
        await this.compaction.drop();
      }),
    );
  }

  private async round(now: number): Promise<void> {
    if (this.stopping) return;
    await this.seal(now);
    await this.state.queue.exclusive(() => this.state.queue.trimCursors());
    await this.state.snapshot.write(this.state.writer.storedAt);
    const isClosed = (part: Part) => this.isClosed(part, now);
    const stopped = () => this.stopping;
    await this.compaction.run(isClosed, stopped);
    await this.rollups.run(isClosed, stopped);
  }

  private async seal(now: number): Promise<void> {
    const { parts } = this.state;
    for (const part of parts.all().filter((p) => p.state === 'open' && p.rows > 0)) {
      const quiet = part.touchedAt + quietMs < now;
      const ripe = part.rows >= this.partRows || (quiet && (part.day === late || part.to + closesAfterMs < now));
      if (ripe) await this.sealPart(part);
    }
  }

  private async sealPart(part: Part): Promise<void> {
    const { parts, queue, writer } = this.state;
    await queue.exclusive(async () => {
      writer.release(part);
      part.state = 'sealed';
      await parts.update(this.connection, part);
    });
  }

  private isClosed(part: Part, now: number): boolean {
    return part.to + closesAfterMs < now && !this.state.parts.open(part.kind, part.day);
  }

  private serialised<T>(task: () => Promise<T>): Promise<T> {
    const result = this.running.then(task);
    this.running = result.catch(() => undefined);
    return result;
  }
}
