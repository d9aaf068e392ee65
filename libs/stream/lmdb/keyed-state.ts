import type { StateChange } from '../stream.port.js';
import type { Environment } from './environment.js';
import type { RecordChange } from './group-writer.js';
import { prefixEnd, stateKey, statePrefix } from './keys.js';
import { protect, unprotect } from './stored-value.js';

/** Keys read at once by a scan, before anything else has its turn. */
const scanChunk = 500;

/** Values of keys of a group's partition, in the order asked. */
export function readState(
  { root, state }: Environment,
  group: string,
  partition: number,
  keys: readonly string[],
): (Uint8Array | undefined)[] {
  root.resetReadTxn();
  const prefix = statePrefix(group, partition);
  return keys.map((key) => {
    const stored = state.get(stateKey(prefix, key));
    return stored && unprotect(stored, () => `state of ${group}/${partition}/${key}`);
  });
}

/** Every key that starts with `prefix`, in key order; each chunk as it is when the scan comes to it. */
export async function* scanState(
  environment: () => Environment,
  group: string,
  partition: number,
  prefix: string,
): AsyncIterable<{ key: string; value: Uint8Array }> {
  const own = statePrefix(group, partition);
  let start = stateKey(own, prefix);
  const end = prefixEnd(start);
  for (;;) {
    const { root, state } = environment();
    root.resetReadTxn();
    const chunk = [...state.getRange({ start, end, limit: scanChunk })];
    for (const { key, value } of chunk) {
      const name = key.subarray(own.length).toString();
      yield { key: name, value: unprotect(value, () => `state of ${group}/${partition}/${name}`) };
    }
    const last = chunk.at(-1);
    if (!last || chunk.length < scanChunk) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** State changes as records to write. Throws `StreamUsageError` where a key is too long. */
export function stateRecords(
  { state }: Environment,
  group: string,
  partition: number,
  changes: readonly StateChange[],
): RecordChange[] {
  const prefix = statePrefix(group, partition);
  return changes.map(({ key, value }) => ({
    table: state,
    key: stateKey(prefix, key),
    value: value && protect(value),
  }));
}
