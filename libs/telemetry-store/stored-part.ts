import { Packr } from 'msgpackr';
import type { StoredFrame, StoredReading, StoredUpTo } from './telemetry-store.port.js';

/** A piece of what a store holds, the same for every engine. */
export type StoredPart =
  | { kind: 'readings'; rows: readonly StoredReading[] }
  | { kind: 'frames'; rows: readonly StoredFrame[] }
  | { kind: 'positions'; rows: readonly StoredUpTo[] };

/** Rows of a part; a few megabytes at most, but for a single report of more. */
export const rowsPerPart = 8_192;

const version = 1;
// Field names once per part: every part can be read on its own.
const packr = new Packr({ useRecords: true, moreTypes: false, int64AsType: 'number' });

/** Encodes a part for a backup. */
export function encodePart({ kind, rows }: StoredPart): Buffer {
  return packr.pack([version, kind, rows]);
}

/** Reads a part back. Throws where another release wrote it in a way that this one does not know. */
export function decodePart(encoded: Uint8Array): StoredPart {
  const [found, kind, rows] = packr.unpack(encoded) as [number, StoredPart['kind'], never];
  if (found !== version || !['readings', 'frames', 'positions'].includes(kind)) {
    throw new Error(
      `A part of the backup has version ${found} and holds ${kind}: a newer release made it. Restore with that one.`,
    );
  }
  return { kind, rows };
}
