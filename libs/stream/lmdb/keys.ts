import { type Lane, lanes } from '#libs/contracts';
import { checkStateKey } from '../entry-check.js';

/** Positions are 64-bit on disk; in memory they are numbers, good to 2^53. */
const maxPosition = Number.MAX_SAFE_INTEGER;

/** `<stream> 0 <lane>`: the record of where a lane of a stream stands. */
export function laneKey(stream: string, lane: Lane): Buffer {
  return Buffer.from(`${stream}\0${String.fromCharCode(lanes.indexOf(lane))}`, 'latin1');
}

/** `<stream> 0 <lane> <partition 2> <position 8>`, big-endian, so that LMDB's byte order is the log's order. */
export function entryKey(stream: string, lane: Lane, partition: number, position: number): Buffer {
  const key = Buffer.allocUnsafe(stream.length + 12);
  key.write(stream, 0, 'latin1');
  let at = stream.length;
  key[at++] = 0;
  key[at++] = lane === 'urgent' ? 0 : 1;
  at = key.writeUInt16BE(partition, at);
  at = key.writeUInt32BE(Math.floor(position / 0x1_0000_0000), at);
  key.writeUInt32BE(position % 0x1_0000_0000, at);
  return key;
}

/** The key after the last entry a partition can have. */
export function entryKeyEnd(stream: string, lane: Lane, partition: number): Buffer {
  return entryKey(stream, lane, partition, maxPosition);
}

/** The position in an entry's key. */
export function positionIn(key: Uint8Array): number {
  const at = key.length - 8;
  const high =
    ((key[at] as number) << 24) |
    ((key[at + 1] as number) << 16) |
    ((key[at + 2] as number) << 8) |
    (key[at + 3] as number);
  const low =
    ((key[at + 4] as number) << 24) |
    ((key[at + 5] as number) << 16) |
    ((key[at + 6] as number) << 8) |
    (key[at + 7] as number);
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
}

/** `<stream> 0 <group>`: the record that a group is registered. */
export function groupKey(stream: string, group: string): Buffer {
  return Buffer.from(`${stream}\0${group}`, 'latin1');
}

/** The stream and group named by a group's key. */
export function groupIn(key: Uint8Array): { stream: string; group: string } {
  const [stream = '', group = ''] = Buffer.from(key).toString('latin1').split('\0');
  return { stream, group };
}

/** `<stream> 0 <group> 0 <lane> <partition 2>`: how far the group has worked. */
export function acknowledgementKey(stream: string, group: string, lane: Lane, partition: number): Buffer {
  const key = Buffer.from(`${stream}\0${group}\0\0\0\0`, 'latin1');
  key[key.length - 3] = lane === 'urgent' ? 0 : 1;
  key.writeUInt16BE(partition, key.length - 2);
  return key;
}

/** `<group> 0 <partition 2>`: what every state key of the partition starts with. */
export function statePrefix(group: string, partition: number): Buffer {
  const prefix = Buffer.from(`${group}\0\0\0`, 'latin1');
  prefix.writeUInt16BE(partition, prefix.length - 2);
  return prefix;
}

/** A state key; the caller's key follows the prefix as UTF-8. Throws `StreamUsageError` above 200 bytes. */
export function stateKey(prefix: Buffer, key: string): Buffer {
  const bytes = checkStateKey(key);
  const full = Buffer.allocUnsafe(prefix.length + bytes);
  prefix.copy(full);
  full.write(key, prefix.length);
  return full;
}

/** What a state key names. */
export function stateIn(full: Buffer): { group: string; partition: number; key: string } {
  const end = full.indexOf(0);
  const group = full.toString('latin1', 0, end);
  return { group, partition: full.readUInt16BE(end + 1), key: full.toString('utf8', end + 3) };
}

/** The first key after all that start with `prefix`. */
export function prefixEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    if ((end[at] as number) < 0xff) {
      end[at] = (end[at] as number) + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Buffer.from([0xff]);
}
