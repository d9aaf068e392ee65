import { rowsIn } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import type { Append, Source } from '../stream.port.js';
import type { Argument, RedisConnection } from './connection.js';
import { fieldOf, type Keys, noticeOf, positionIn, streamAndLaneIn } from './keys.js';
import { arriveScript } from './scripts.js';

/** Replies as bytes, which the driver has and its types leave out. */
interface BufferCommands {
  xrangeBuffer(key: string, start: string, end: string, count: 'COUNT', entries: number): Promise<[Buffer, Buffer[]][]>;
}

const entriesAtOnce = 200;

/**
 * Brings what a commit appended to other partitions from the outbox in the source's slot to where it belongs. Whoever is
 * interrupted is followed by another who begins at the same entry: each destination remembers how far an outbox has
 * arrived, so an entry arrives once, and in order.
 */
export class OutboxRelay {
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly clock: Clock,
  ) {}

  /** Resolves when all that is in the outbox of a group's partition now has arrived. */
  drain(source: Pick<Source, 'stream' | 'group' | 'partition'>, signal: AbortSignal): Promise<void> {
    const { stream, group, partition } = source;
    const outbox = this.keys.outbox(stream, group, partition);
    // One at a time: the lanes of a partition share its outbox.
    const before = this.running.get(outbox) ?? Promise.resolve();
    const draining = before
      .catch(() => undefined)
      .then(() => this.empty(outbox, `${partition}/${stream}/${group}`, signal));
    this.running.set(outbox, draining);
    return draining;
  }

  private async empty(outbox: string, name: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const found = await this.connection.askUntilAnswered(
        (client) => (client as unknown as BufferCommands).xrangeBuffer(outbox, '-', '+', 'COUNT', entriesAtOnce),
        signal,
      );
      const last = found.at(-1);
      if (!last) return;
      await Promise.all(
        [...byPartition(found)].map(([partition, entries]) => this.bring(name, partition, entries, signal)),
      );
      const next = `0-${positionIn(last[0]) + 1}`;
      await this.connection.askUntilAnswered((client) => client.xtrim(outbox, 'MINID', next), signal);
      if (found.length < entriesAtOnce) return;
    }
  }

  private async bring(
    name: string,
    partition: number,
    entries: readonly Foreign[],
    signal: AbortSignal,
  ): Promise<void> {
    const keys = [this.keys.arrived(partition), this.keys.tails(partition)];
    const args: Argument[] = [(entries.at(-1) as Foreign).position, name, this.clock.now(), entries.length];
    for (const { position, stream, lane, data } of entries) {
      const key = this.keys.entries({ stream, lane, partition });
      if (!keys.includes(key)) keys.push(key);
      const at = [fieldOf(stream, lane), this.keys.appended(stream), noticeOf(lane, partition)];
      const entry = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      args.push(position, keys.indexOf(key) + 1, ...at, rowsIn(entry), entry);
    }
    await this.connection.endure(arriveScript, keys, args, signal);
  }
}

interface Foreign extends Append {
  position: number;
}

function byPartition(found: readonly [Buffer, Buffer[]][]): Map<number, Foreign[]> {
  const partitions = new Map<number, Foreign[]>();
  for (const [id, fields] of found) {
    const partition = Number(fields[1]);
    const entry = {
      position: positionIn(id),
      ...streamAndLaneIn(String(fields[3])),
      partition,
      data: fields[5] ?? Buffer.alloc(0),
    };
    const known = partitions.get(partition);
    if (known) known.push(entry);
    else partitions.set(partition, [entry]);
  }
  return partitions;
}
