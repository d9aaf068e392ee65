import { lanes } from '#libs/contracts';
import type { LogRecord, Place } from '../stream.port.js';
import { type Environment, readLaneTable, streamsOf } from './environment.js';
import {
  acknowledgementKey,
  entryKey,
  entryKeyEnd,
  groupIn,
  groupKey,
  laneKey,
  positionIn,
  stateIn,
  stateKey,
  statePrefix,
} from './keys.js';
import { LaneTable } from './lane-table.js';
import {
  acknowledgementRecord,
  protect,
  readEntry,
  stampEntry,
  storedEntryBytes,
  unprotect,
  writeEntry,
} from './stored-value.js';
import { readAcknowledgement } from './trimmer.js';

/** Records of one transaction, or read before anything else has its turn. */
const recordsAtOnce = 1_000;
const bytesAtOnce = 8 * 2 ** 20;

/** A place as it is written, and the position that follows. */
interface PlaceCopied {
  place: LogRecord & { kind: 'place' };
  entries: number;
  bytes: number;
  next?: number;
}

/** Everything that the log must not lose; of entries, what some group has not acknowledged. */
export async function* exportLog(environment: () => Environment, partitions: number): AsyncIterable<LogRecord> {
  const { root } = environment();
  root.resetReadTxn();
  const places = placesOf(environment(), partitions);
  const groups = [...environment().groups.getKeys({})].map((key) => groupIn(key));
  yield { kind: 'extent', whole: true };
  for (const place of places) yield place;
  for (const { stream, group } of groups) {
    yield { kind: 'group', stream, group };
    for (const place of places.filter((one) => one.stream === stream)) {
      const { lane, partition } = place;
      const { position, givenUp } = readAcknowledgement(environment(), stream, group, lane, partition);
      if (position > 0 || givenUp > 0)
        yield { kind: 'acknowledged', stream, group, lane, partition, position, givenUp };
    }
  }
  for (const place of places) yield* owedEntries(environment(), place, groups);
  yield* state(environment());
}

/** Writes a log anew from its records. */
export async function importLog(
  environment: Environment,
  partitions: number,
  records: AsyncIterable<LogRecord>,
  now: number,
): Promise<void> {
  const { entries, laneTables, trimmed, groups, acknowledgements, state: kept } = environment;
  for (const table of [laneTables, trimmed, groups, acknowledgements, kept, entries]) await table.clearAsync();
  const places = new Map<string, PlaceCopied>();
  const batch = new Batch(environment);
  for await (const record of records) {
    switch (record.kind) {
      case 'extent':
        break;
      case 'place':
        places.set(nameOf(record), { place: record, entries: 0, bytes: 0 });
        break;
      case 'group':
        batch.put(
          groups,
          groupKey(record.stream, record.group),
          protect(Buffer.from(JSON.stringify({ registeredAt: now }))),
        );
        break;
      case 'acknowledged': {
        const { stream, group, lane, partition, position, givenUp } = record;
        const key = acknowledgementKey(stream, group, lane, partition);
        batch.put(acknowledgements, key, acknowledgementRecord({ position, givenUp }));
        break;
      }
      case 'entry': {
        const stored = Buffer.allocUnsafe(storedEntryBytes(record.data));
        stampEntry(stored, record.messagesBefore, writeEntry(stored, record.appendedAt, record.data));
        batch.put(entries, entryKey(record.stream, record.lane, record.partition, record.position), stored);
        const place = places.get(nameOf(record));
        if (!place) throw new Error(`The backup has an entry of ${nameOf(record)}, but not where that ends.`);
        if (record.position !== (place.next ?? record.position)) throw gap(record, place.next);
        place.next = record.position + 1;
        place.entries += 1;
        place.bytes += stored.length;
        break;
      }
      case 'state':
        batch.put(kept, stateKey(statePrefix(record.group, record.partition), record.key), protect(record.value));
    }
  }
  writeLaneTables(batch, environment, partitions, [...places.values()]);
  batch.write();
  environment.root.resetReadTxn();
}

/** Puts of one transaction after another, each durable when it ends. */
class Batch {
  private puts: (() => void)[] = [];
  private bytes = 0;

  constructor(private readonly environment: Environment) {}

  put(table: Environment['entries'], key: Buffer, value: Buffer): void {
    this.puts.push(() => table.putSync(key, value));
    this.bytes += value.length;
    if (this.puts.length >= recordsAtOnce || this.bytes >= bytesAtOnce) this.write();
  }

  write(): void {
    const { puts } = this;
    this.puts = [];
    this.bytes = 0;
    this.environment.root.transactionSync(() => {
      for (const put of puts) put();
    });
  }
}

function placesOf(environment: Environment, partitions: number): (LogRecord & { kind: 'place' })[] {
  return streamsOf(environment).flatMap((stream) =>
    lanes.flatMap((lane) => {
      const table = readLaneTable(environment.laneTables, stream, lane, partitions);
      return Array.from({ length: partitions }, (_, partition) => ({
        kind: 'place' as const,
        stream,
        lane,
        partition,
        last: table.last(partition),
        appended: table.messages(partition),
        entered: table.entered(partition),
      })).filter(({ last }) => last > 0);
    }),
  );
}

function* owedEntries(
  environment: Environment,
  { stream, lane, partition, last }: LogRecord & { kind: 'place' },
  groups: readonly { stream: string; group: string }[],
): Generator<LogRecord> {
  const acknowledged = groups
    .filter((one) => one.stream === stream)
    .map(({ group }) => readAcknowledgement(environment, stream, group, lane, partition).position);
  let from = Math.min(last, ...acknowledged) + 1;
  while (from <= last) {
    const range = { start: entryKey(stream, lane, partition, from), end: entryKeyEnd(stream, lane, partition) };
    let found = 0;
    let bytes = 0;
    for (const { key, value } of environment.entries.getRange({ ...range, limit: recordsAtOnce })) {
      const position = positionIn(key);
      if (position !== from) throw new Error(`${stream}/${lane}/${partition} has lost entry ${from}.`);
      const entry = readEntry(value, () => `${stream}/${lane}/${partition}/${position}`);
      yield { kind: 'entry', stream, lane, partition, position, ...entry, data: Uint8Array.from(entry.data) };
      from += 1;
      found += 1;
      bytes += value.length;
      if (bytes >= bytesAtOnce) break;
    }
    if (found === 0) throw new Error(`${stream}/${lane}/${partition} has lost entries from ${from} to ${last}.`);
  }
}

function* state({ state: table }: Environment): Generator<LogRecord> {
  let start = Buffer.from([0]);
  for (;;) {
    const chunk = [...table.getRange({ start, limit: recordsAtOnce })];
    for (const { key, value } of chunk) {
      const named = stateIn(key);
      const bytes = unprotect(value, () => `state of ${named.group}/${named.partition}/${named.key}`);
      yield { kind: 'state', ...named, value: Uint8Array.from(bytes) };
    }
    const last = chunk.at(-1);
    if (!last || chunk.length < recordsAtOnce) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** Redis leaves a gap where it started again or failed over; here a gap is damage. */
function gap(place: Place, position: number | undefined): Error {
  return new Error(
    `The backup has no entry ${position} of ${nameOf(place)}: let the stages work off what waits in Redis, then back up again.`,
  );
}

/** Where the lanes end, and that everything before the entries written has been trimmed. */
function writeLaneTables(
  batch: Batch,
  { laneTables, trimmed }: Environment,
  partitions: number,
  places: readonly PlaceCopied[],
): void {
  const lanesSeen = new Map<string, { key: Buffer; ends: LaneTable; cut: LaneTable }>();
  for (const { place, entries, bytes } of places) {
    const { stream, lane, partition, last, appended: messages, entered } = place;
    const key = laneKey(stream, lane);
    const name = key.toString('latin1');
    const known = lanesSeen.get(name) ?? {
      key,
      ends: LaneTable.empty(partitions).next(),
      cut: LaneTable.empty(partitions).next(),
    };
    known.ends.begin(partition, { last, bytes, messages, entered });
    known.cut.set(partition, last - entries, 0);
    lanesSeen.set(name, known);
  }
  for (const { key, ends, cut } of lanesSeen.values()) {
    batch.put(laneTables, key, ends.encode());
    batch.put(trimmed, key, cut.encode());
  }
}

function nameOf({ stream, lane, partition }: Place): string {
  return `${stream}/${lane}/${partition}`;
}
