import type { Entry, Place } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { idOf, type Keys, positionIn } from './keys.js';

/** Replies as bytes, which the driver has and its types leave out. */
interface BufferCommands {
  xrangeBuffer(key: string, start: string, end: string, count: 'COUNT', entries: number): Promise<[Buffer, Buffer[]][]>;
}

const fewEntries = 16;
/** Entries of a place are about as large as those before them. */
const forgetting = 0.8;
const mostPlaces = 10_000;

/** Reads entries by position. What a batch may hold is said in bytes, but Redis counts entries: sizes are learnt. */
export class Reader {
  private readonly averageBytes = new Map<string, number>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
  ) {}

  /** Entries after a position: at least one where there is any, at most `maxEntries` and about `maxBytes`. */
  async readAfter(place: Place, after: number, maxEntries: number, maxBytes: number): Promise<Entry[]> {
    const key = this.keys.entries(place);
    const entries: Entry[] = [];
    let bytes = 0;
    let position = after;
    while (entries.length < maxEntries && (entries.length === 0 || bytes < maxBytes)) {
      const count = Math.min(maxEntries - entries.length, this.guess(key, maxBytes - bytes));
      const found = await this.connection.ask((client) =>
        (client as unknown as BufferCommands).xrangeBuffer(key, `(${idOf(position)}`, '+', 'COUNT', count),
      );
      this.learn(key, found);
      for (const [id, fields] of found) {
        const [, data = Buffer.alloc(0), , at, , , , before] = fields;
        position = positionIn(id);
        entries.push({ position, appendedAt: Number(at), messagesBefore: Number(before), data });
        bytes += data.length;
        if (bytes >= maxBytes) return entries;
      }
      if (found.length < count) return entries;
    }
    return entries;
  }

  /** The position up to which a group has worked through a place, 0 at first. */
  async acknowledged(place: Place, group: string): Promise<number> {
    const key = this.keys.entries(place);
    const groups = await this.connection.ask(async (client) => {
      try {
        return (await client.xinfo('GROUPS', key)) as unknown[][];
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('ERR no such key')) return [];
        throw error;
      }
    });
    for (const fields of groups) {
      if (fieldValue(fields, 'name') === group) return positionIn(fieldValue(fields, 'last-delivered-id'));
    }
    return 0;
  }

  /** The last position of every place of a partition, by field. */
  async tails(partition: number): Promise<Map<string, number>> {
    const tails = await this.connection.ask((client) => client.hgetall(this.keys.tails(partition)));
    return new Map(Object.entries(tails).map(([field, tail]) => [field, Number(tail.split(' ')[0])]));
  }

  private guess(key: string, bytes: number): number {
    const average = this.averageBytes.get(key);
    return average === undefined ? fewEntries : Math.max(1, Math.ceil(bytes / Math.max(1, average)));
  }

  private learn(key: string, found: readonly [Buffer, Buffer[]][]): void {
    if (found.length === 0) return;
    const bytes = found.reduce((sum, [, fields]) => sum + (fields[1]?.length ?? 0), 0) / found.length;
    const before = this.averageBytes.get(key) ?? bytes;
    if (this.averageBytes.size > mostPlaces) this.averageBytes.clear();
    this.averageBytes.set(key, before * forgetting + bytes * (1 - forgetting));
  }
}

function fieldValue(fields: readonly unknown[], name: string): string {
  return String(fields[fields.indexOf(name) + 1]);
}
