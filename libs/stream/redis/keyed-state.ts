import type { RedisConnection } from './connection.js';
import type { Keys } from './keys.js';

const scanCount = 500;
const keysAtOnce = 1_000;

/** Values of keys of a group's partition, in the order asked. */
export async function readState(
  connection: RedisConnection,
  names: Keys,
  group: string,
  partition: number,
  keys: readonly string[],
): Promise<(Uint8Array | undefined)[]> {
  const name = names.state(group, partition);
  const pieces: (readonly string[])[] = [];
  for (let at = 0; at < keys.length; at += keysAtOnce) pieces.push(keys.slice(at, at + keysAtOnce));
  const values = await Promise.all(
    pieces.map((piece) => connection.ask((client) => client.hmgetBuffer(name, ...piece))),
  );
  return values.flat().map((value) => value ?? undefined);
}

/**
 * Every key that starts with `prefix`, in key order. Redis gives them in no order and some of them twice, so they are
 * gathered first: a group keeps tens of thousands per partition, not millions.
 */
export async function* scanState(
  connection: RedisConnection,
  names: Keys,
  group: string,
  partition: number,
  prefix: string,
): AsyncIterable<{ key: string; value: Uint8Array }> {
  const name = names.state(group, partition);
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const found = new Map<string, { bytes: Buffer; value: Buffer }>();
  let cursor = '0';
  do {
    const [next, fields] = await connection.ask((client) =>
      client.hscanBuffer(name, cursor, 'MATCH', pattern, 'COUNT', scanCount),
    );
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const bytes = fields[at] as Buffer;
      found.set(bytes.toString(), { bytes, value: fields[at + 1] as Buffer });
    }
    cursor = next.toString();
  } while (cursor !== '0');
  const sorted = [...found].sort(([, a], [, b]) => Buffer.compare(a.bytes, b.bytes));
  for (const [key, { value }] of sorted) yield { key, value };
}
