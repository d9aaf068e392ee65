import { Packr } from 'msgpackr';

/** The version written by this release; readers accept it and the one before. */
const version = 1;
const oldestReadable = 1;

/** A stored entry that this release cannot read: damaged, or written by a newer one. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}

// Rows are arrays, not objects: no field names per message, and no shared dictionary that a reader could lack.
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });

/** Encodes rows as one versioned MessagePack entry: `[version, rows]`. */
export function encodeGroup(rows: readonly unknown[]): Buffer {
  return packr.pack([version, rows]);
}

/** Decodes an entry row by row. Throws `ContractError` where the version is not readable or the shape is wrong. */
export function decodeGroup<T>(entry: Uint8Array, read: (row: unknown[]) => T): T[] {
  let decoded: unknown;
  try {
    decoded = packr.unpack(entry);
  } catch (error) {
    throw new ContractError(`entry of ${entry.byteLength} bytes is not MessagePack: ${(error as Error).message}`);
  }
  if (!Array.isArray(decoded) || !Array.isArray(decoded[1])) throw new ContractError('entry is not [version, rows]');
  const found = decoded[0] as number;
  if (!(found >= oldestReadable && found <= version)) {
    throw new ContractError(`entry has version ${found}; this release reads ${oldestReadable} to ${version}`);
  }
  return (decoded[1] as unknown[][]).map(read);
}

/**
 * How many rows an entry holds, read off its first bytes: nothing is decoded. 1 where it is no group, because whatever
 * it is, it is one thing.
 */
export function rowsIn(entry: Uint8Array): number {
  const rows = entry[2] ?? 0;
  if (entry[0] !== 0x92 || (entry[1] as number) > 0x7f) return 1;
  if (rows >= 0x90 && rows <= 0x9f) return rows - 0x90;
  if (rows === 0xdc && entry.length >= 5) return ((entry[3] as number) << 8) | (entry[4] as number);
  if (rows === 0xdd && entry.length >= 7) return new DataView(entry.buffer, entry.byteOffset).getUint32(3);
  return 1;
}
