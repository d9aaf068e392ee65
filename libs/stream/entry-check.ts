import { StreamUsageError } from './stream.errors.js';
import type { Append } from './stream.port.js';

const maxNameBytes = 64;
const maxStateKeyBytes = 200;
const maxEntryBytes = 16 * 2 ** 20;
const namePattern = /^[a-z0-9][a-z0-9._-]*$/;

/** Throws `StreamUsageError` for a stream or group name that the log does not keep. */
export function checkName(kind: 'stream' | 'group', name: string): void {
  if (name.length > maxNameBytes || !namePattern.test(name)) {
    throw new StreamUsageError(`${kind} name "${name}" is not 1 to ${maxNameBytes} of a-z 0-9 . _ -`);
  }
}

/** Throws `StreamUsageError` for an entry that the log does not keep. */
export function checkAppend({ stream, partition, data }: Append, partitions: number): void {
  checkName('stream', stream);
  if (!(Number.isInteger(partition) && partition >= 0 && partition < partitions)) {
    throw new StreamUsageError(`partition ${partition} of ${stream} is not 0 to ${partitions - 1}`);
  }
  if (data.byteLength > maxEntryBytes) {
    throw new StreamUsageError(`an entry of ${data.byteLength} bytes for ${stream} is larger than ${maxEntryBytes}`);
  }
}

/** Throws `StreamUsageError` for a key of state that is too long; gives its bytes. */
export function checkStateKey(key: string): number {
  const bytes = Buffer.byteLength(key);
  if (bytes > maxStateKeyBytes) {
    throw new StreamUsageError(`state key of ${bytes} bytes is longer than ${maxStateKeyBytes}: ${key.slice(0, 40)}…`);
  }
  return bytes;
}
