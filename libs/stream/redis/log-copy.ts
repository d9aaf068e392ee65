import type { Redis } from 'ioredis';
import { lanes, rowsIn } from '#libs/contracts';
import type { Lag, LogRecord, Place } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { scanState } from './keyed-state.js';
import { fieldOf, idOf, type Keys, streamAndLaneIn } from './keys.js';
import type { OutboxRelay } from './outbox-relay.js';
import type { Reader } from './reader.js';

const entriesAtOnce = 500;
const bytesAtOnce = 4 * 2 ** 20;
const keysAtOnce = 500;

/** What a copy is made from. */
export interface CopiedLog {
  connection: RedisConnection;
  keys: Keys;
  reader: Reader;
  relay: OutboxRelay;
  /** Ends the waiting for Redis. */
  signal: AbortSignal;
  partitions: number;
  lag: () => Promise<Lag[]>;
}

type PlaceRecord = LogRecord & { kind: 'place' };

/** Everything that the log must not lose, where no process is at work on it; where one is, only where it ends. */
export async function* exportLog(log: CopiedLog): AsyncIterable<LogRecord> {
  let lags = await log.lag();
  const atWork = await isAtWork(log, lags);
  if (!atWork) {
    await emptyOutboxes(log, lags);
    lags = await log.lag();
  }
  const places = await placesOf(log);
  const groupNames = new Map(lags.map(({ stream, group }) => [`${stream} ${group}`, { stream, group }]));
  yield { kind: 'extent', whole: !atWork };
  yield* places;
  for (const { stream, group } of groupNames.values()) yield { kind: 'group', stream, group };
  const ends = new Map(places.map((place) => [nameOf(place), place.last]));
  for (const lag of lags) {
    const { stream, group, lane, partition, acknowledged, messages } = lag;
    const position = atWork ? (ends.get(nameOf(lag)) ?? acknowledged) : acknowledged;
    const { givenUp } = messages;
    if (position > 0) yield { kind: 'acknowledged', stream, group, lane, partition, position, givenUp };
  }
  if (atWork) return;
  for (const place of places) yield* owedEntries(log, place, lags);
  for (const group of new Set(lags.map((lag) => lag.group))) {
    for (let partition = 0; partition < log.partitions; partition++) {
      for await (const { key, value } of scanState(log.connection, log.keys, group, partition, '')) {
        yield { kind: 'state', group, partition, key, value };
      }
    }
  }
}

/** Removes every key of the log. */
export async function clearLog(connection: RedisConnection, keys: Keys): Promise<void> {
  for (const master of connection.masters()) {
    let cursor = '0';
    do {
      const [next, found] = await master.scan(cursor, 'MATCH', keys.all, 'COUNT', keysAtOnce);
      for (const key of found) await connection.ask((client) => client.unlink(key));
      cursor = next;
    } while (cursor !== '0');
  }
}

/** Writes a log from its records, where there is none. */
export async function importLog(
  connection: RedisConnection,
  keys: Keys,
  registerGroup: (stream: string, group: string) => Promise<void>,
  records: AsyncIterable<LogRecord>,
): Promise<void> {
  const places = new Map<string, PlaceRecord & { bytes: number }>();
  const acknowledged: (LogRecord & { kind: 'acknowledged' })[] = [];
  for await (const record of records) {
    switch (record.kind) {
      case 'extent':
        break;
      case 'place':
        places.set(nameOf(record), { ...record, bytes: 0 });
        break;
      case 'group':
        await registerGroup(record.stream, record.group);
        break;
      case 'acknowledged':
        acknowledged.push(record);
        break;
      case 'entry':
        await addEntry(connection, keys, record, places.get(nameOf(record)));
        break;
      case 'state': {
        const value = Buffer.from(record.value);
        await connection.ask((client) => client.hset(keys.state(record.group, record.partition), record.key, value));
      }
    }
  }
  for (const { stream, group, lane, partition, position, givenUp } of acknowledged) {
    const key = keys.entries({ stream, lane, partition });
    await call(connection, 'XGROUP', 'SETID', key, group, idOf(position), 'ENTRIESREAD', position);
    const field = `given up ${stream} ${group} ${lane}`;
    if (givenUp > 0) await connection.ask((client) => client.hset(keys.commits(partition), field, givenUp));
  }
  for (const place of places.values()) await endAt(connection, keys, place);
}

/** Whether some process owns a partition of a group. */
async function isAtWork({ connection, keys, partitions }: CopiedLog, lags: readonly Lag[]): Promise<boolean> {
  const now = await connection.ask(async (client) => {
    const [seconds, micros] = (await (client as Redis).time()) as unknown as [number, number];
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  });
  for (const name of new Set(lags.map(({ stream, group }) => `${stream} ${group}`))) {
    const [stream = '', group = ''] = name.split(' ');
    for (let partition = 0; partition < partitions; partition++) {
      const until = await connection.ask((client) => client.hget(keys.owner(stream, group, partition), 'until'));
      if (Number(until ?? 0) > now) return true;
    }
  }
  return false;
}

/** What a process that was killed had committed for other partitions is brought there: a copy has no outboxes. */
async function emptyOutboxes({ relay, signal, partitions }: CopiedLog, lags: readonly Lag[]): Promise<void> {
  for (const name of new Set(lags.map(({ stream, group }) => `${stream} ${group}`))) {
    const [stream = '', group = ''] = name.split(' ');
    const sources = Array.from({ length: partitions }, (_, partition) => ({ stream, group, partition }));
    await Promise.all(sources.map((source) => relay.drain(source, signal)));
  }
}

async function placesOf({ connection, keys, partitions }: CopiedLog): Promise<PlaceRecord[]> {
  const places: PlaceRecord[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const tails = await connection.ask((client) => client.hgetall(keys.tails(partition)));
    for (const [field, tail] of Object.entries(tails)) {
      const { stream, lane } = streamAndLaneIn(field);
      const [last, , appended, entered] = tail.split(' ').map(Number) as [number, number, number, number];
      if (!lanes.includes(lane)) continue;
      places.push({ kind: 'place', stream, lane, partition, last, appended, entered });
    }
  }
  return places;
}

async function* owedEntries({ reader }: CopiedLog, place: PlaceRecord, lags: readonly Lag[]): AsyncIterable<LogRecord> {
  const { stream, lane, partition, last } = place;
  const groups = lags.filter((lag) => nameOf(lag) === nameOf(place));
  let after = Math.min(last, ...groups.map(({ acknowledged }) => acknowledged));
  let counted: number | undefined;
  while (after < last) {
    const entries = await reader.readAfter(place, after, entriesAtOnce, bytesAtOnce);
    for (const entry of entries) {
      // Positions may have gaps, where Redis started again or failed over; counts have none.
      if (counted !== undefined && entry.messagesBefore !== counted) throw lost(place, after + 1);
      counted = entry.messagesBefore + rowsIn(entry.data);
      after = entry.position;
      yield { kind: 'entry', stream, lane, partition, ...entry };
    }
    if (entries.length === 0) throw lost(place, after + 1);
  }
}

function lost(place: Place, position: number): Error {
  return new Error(`${nameOf(place)} has lost entry ${position}.`);
}

async function addEntry(
  connection: RedisConnection,
  keys: Keys,
  entry: LogRecord & { kind: 'entry' },
  place: { bytes: number } | undefined,
): Promise<void> {
  if (!place) throw new Error(`The backup has an entry of ${nameOf(entry)}, but not where that ends.`);
  const data = Buffer.from(entry.data);
  place.bytes += data.length;
  const about = ['at', entry.appendedAt, 'total', place.bytes, 'before', entry.messagesBefore];
  await connection.ask((client) => client.xadd(keys.entries(entry), idOf(entry.position), 'data', data, ...about));
}

/** The next append follows on the last one, also where no entry is kept. */
async function endAt(connection: RedisConnection, keys: Keys, place: PlaceRecord & { bytes: number }): Promise<void> {
  const { stream, lane, partition, last, bytes, appended, entered } = place;
  const key = keys.entries(place);
  if ((await connection.ask((client) => client.exists(key))) > 0) {
    await call(connection, 'XSETID', key, idOf(last), 'ENTRIESADDED', last, 'MAXDELETEDID', idOf(0));
  }
  const tail = [last, bytes, appended, entered].join(' ');
  await connection.ask((client) => client.hset(keys.tails(partition), fieldOf(stream, lane), tail));
}

function call(
  connection: RedisConnection,
  command: string,
  key: string,
  ...rest: (string | number)[]
): Promise<unknown> {
  return connection.ask((client) => client.call(command, key, ...rest));
}

function nameOf({ stream, lane, partition }: Place): string {
  return `${stream}/${lane}/${partition}`;
}
