import type { Database } from 'lmdb';
import { type Lane, lanes, rowsIn, streams } from '#libs/contracts';
import { readFirstAcknowledgement, readFirstEntry, readFirstTable } from './first-format.js';
import { acknowledgementKey, positionIn } from './keys.js';
import { LaneTable } from './lane-table.js';
import { acknowledgementRecord, readEntry, stampEntry, storedEntryBytes, writeEntry } from './stored-value.js';

/** One transaction rewrites no more than this. */
const maxBatchEntries = 2_000;
const maxBatchBytes = 8 * 2 ** 20;
/** What an entry of format 2 is larger by. */
const addedBytes = 8;

type Table = Database<Buffer, Buffer>;
/** The tables of an environment that hold what is rewritten. */
type Tables = Record<'entries' | 'laneTables' | 'trimmed' | 'acknowledgements', Table>;
/** Runs a transaction that is durable when it resolves. */
type Transact = (work: () => void) => Promise<unknown>;

/** What there is of a place. */
interface Place {
  stream: string;
  lane: Lane;
  partition: number;
  entries: number;
  messages: number;
  /** Messages that were there before the oldest entry kept. */
  base: number;
}
type Places = ReadonlyMap<string, Place>;

interface StoredEntry {
  key: Buffer;
  value: Buffer;
}

/**
 * Brings an environment of format 1 to format 2, where it lies: every entry learns how many messages were before it, every
 * lane how many there were. Entries are rewritten in the order of their keys, a batch at a time, each with `keepProgress`
 * of the last key in the same transaction; a process that is killed goes on after it. The records come last, all at once,
 * with `keepProgress(undefined)`: it is done.
 */
export class FormatUpgrade {
  constructor(
    private readonly tables: Tables,
    private readonly partitions: number,
    private readonly transact: Transact,
    private readonly keepProgress: (done: Buffer | undefined) => void,
    private readonly batchEntries = maxBatchEntries,
  ) {}

  /** `done` is the key of the last entry that is rewritten; empty before the first. Gives the number of entries kept. */
  async run(done: Buffer): Promise<number> {
    const places = this.count(done);
    // From here on a release that knows only format 1 refuses the folder; until here nothing was changed.
    if (done.length === 0) await this.transact(() => this.keepProgress(done));
    await this.rewriteEntries(places, done);
    await this.transact(() => {
      this.rewriteTables(places);
      this.rewriteAcknowledgements();
      this.keepProgress(undefined);
    });
    let entries = 0;
    for (const place of places.values()) entries += place.entries;
    return entries;
  }

  /** Reads everything, so that a damaged entry is found before anything is changed. */
  private count(done: Buffer): Places {
    const places = new Map<string, Place>();
    const passedOn = new Map<string, number>();
    for (const batch of batchesOf(this.tables.entries, this.batchEntries)) {
      for (const { key, value } of batch) {
        const place = placeAt(places, key);
        const messages = rowsIn(this.read(key, value, done).data);
        place.entries += 1;
        place.messages += messages;
        if (place.stream !== streams.raw) continue;
        const { lane, partition } = place;
        const before = passedOn.get(nameOf(streams.readings, lane, partition)) ?? 0;
        const isPassedOn = positionIn(key) <= this.acknowledged(streams.raw, 'normaliser', lane, partition);
        passedOn.set(nameOf(streams.readings, lane, partition), before + (isPassedOn ? messages : 0));
      }
    }
    this.balance(places, passedOn);
    return places;
  }

  /**
   * What the normaliser has worked through is what stands in `readings`, message by message; of both something has been
   * trimmed, not the same. Whichever of the two has less begins with the rest, so that what is acknowledged and what became
   * of it add up from here on.
   */
  private balance(places: Map<string, Place>, passedOn: ReadonlyMap<string, number>): void {
    for (const lane of lanes) {
      for (let partition = 0; partition < this.partitions; partition++) {
        const readings = nameOf(streams.readings, lane, partition);
        const missing = (passedOn.get(readings) ?? 0) - (places.get(readings)?.messages ?? 0);
        if (missing === 0) continue;
        const stream = missing > 0 ? streams.readings : streams.raw;
        const name = nameOf(stream, lane, partition);
        const place = places.get(name) ?? { stream, lane, partition, entries: 0, messages: 0, base: 0 };
        places.set(name, { ...place, base: Math.abs(missing) });
      }
    }
  }

  private async rewriteEntries(places: Places, done: Buffer): Promise<void> {
    const before = new Map([...places].map(([name, { base }]) => [name, base]));
    for (const batch of batchesOf(this.tables.entries, this.batchEntries)) {
      const rewritten: StoredEntry[] = [];
      for (const { key, value } of batch) {
        const name = nameIn(key);
        const messagesBefore = before.get(name) ?? 0;
        const { appendedAt, data } = this.read(key, value, done);
        before.set(name, messagesBefore + rowsIn(data));
        if (isDone(key, done)) continue;
        const stored = Buffer.allocUnsafeSlow(storedEntryBytes(data));
        stampEntry(stored, messagesBefore, writeEntry(stored, appendedAt, data));
        rewritten.push({ key, value: stored });
      }
      const last = rewritten.at(-1)?.key;
      if (!last) continue;
      await this.transact(() => {
        for (const { key, value } of rewritten) void this.tables.entries.put(key, value);
        this.keepProgress(last);
      });
    }
  }

  private rewriteTables(places: Places): void {
    for (const table of [this.tables.laneTables, this.tables.trimmed]) {
      for (const { key, value } of [...table.getRange({})]) {
        const stream = key.subarray(0, key.indexOf(0)).toString('latin1');
        const lane = lanes[key[key.length - 1] as number] as Lane;
        const { version, last, bytes } = readFirstTable(Buffer.from(value), `${stream}/${lane}`);
        const rows = last.map((position, partition) => {
          const place = table === this.tables.laneTables ? places.get(nameOf(stream, lane, partition)) : undefined;
          const messages = place ? place.base + place.messages : 0;
          return {
            last: position,
            bytes: (bytes[partition] ?? 0) + addedBytes * (place?.entries ?? 0),
            messages,
            entered: stream === streams.raw ? messages : 0,
          };
        });
        void table.put(Buffer.from(key), LaneTable.of(version + 1, rows).encode());
      }
    }
  }

  private rewriteAcknowledgements(): void {
    const { acknowledgements } = this.tables;
    for (const { key, value } of [...acknowledgements.getRange({})]) {
      const position = readFirstAcknowledgement(Buffer.from(value), 'acknowledgement');
      void acknowledgements.put(Buffer.from(key), acknowledgementRecord({ position, givenUp: 0 }));
    }
  }

  private read(key: Buffer, value: Buffer, done: Buffer): { appendedAt: number; data: Uint8Array } {
    const where = () => `${nameIn(key).replaceAll('\0', '/')}/${positionIn(key)}`;
    return isDone(key, done) ? readEntry(value, where) : readFirstEntry(value, where);
  }

  private acknowledged(stream: string, group: string, lane: Lane, partition: number): number {
    const stored = this.tables.acknowledgements.get(acknowledgementKey(stream, group, lane, partition));
    return stored ? readFirstAcknowledgement(stored, `acknowledgement of ${stream}/${group}`) : 0;
  }
}

function* batchesOf(entries: Table, limit: number): Generator<StoredEntry[]> {
  let start: Buffer = Buffer.alloc(0);
  for (;;) {
    const batch: StoredEntry[] = [];
    let bytes = 0;
    for (const { key, value } of entries.getRange({ start, limit })) {
      batch.push({ key: Buffer.from(key), value: Buffer.from(value) });
      bytes += value.length;
      if (bytes >= maxBatchBytes) break;
    }
    const last = batch.at(-1);
    if (!last) return;
    yield batch;
    start = Buffer.concat([last.key, Buffer.alloc(1)]);
  }
}

function isDone(key: Buffer, done: Buffer): boolean {
  return done.length > 0 && key.compare(done) <= 0;
}

function placeAt(places: Map<string, Place>, key: Buffer): Place {
  const name = nameIn(key);
  const known = places.get(name);
  if (known) return known;
  const at = key.indexOf(0);
  const stream = key.subarray(0, at).toString('latin1');
  const lane = lanes[key[at + 1] as number] as Lane;
  const place = { stream, lane, partition: key.readUInt16BE(at + 2), entries: 0, messages: 0, base: 0 };
  places.set(name, place);
  return place;
}

function nameOf(stream: string, lane: Lane, partition: number): string {
  return `${stream}\0${lane}\0${partition}`;
}

function nameIn(key: Buffer): string {
  const at = key.indexOf(0);
  return nameOf(key.subarray(0, at).toString('latin1'), lanes[key[at + 1] as number] as Lane, key.readUInt16BE(at + 2));
}
