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
