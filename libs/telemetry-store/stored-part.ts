import { Packr } from 'msgpackr';
import type { Resolution, StoredFrame, StoredReading, StoredUpTo, TimeOfResolution } from './telemetry-store.port.js';

/**
 * What is left of the readings of a device's metric in an hour or a local day, once they are deleted by age. Of `numbers` 0
 * the fields after it mean nothing.
 */
export interface StoredRollup {
  resolution: Exclude<Resolution, 'reading'>;
  deviceKey: string;
  metric: string;
  /** When it begins, epoch milliseconds. */
  at: number;
  /** Readings that a rule may judge. */
  readings: number;
  /** Of these, numbers and booleans. */
  numbers: number;
  total: number;
  least: number;
  greatest: number;
  opening: number;
  closing: number;
  /** A counter's growth from the first number to the last; 0 of a single one. */
  growth: number;
}

/** From when on what is kept, and the beginnings of the local days before that of which only roll-ups tell. */
export interface StoredKept extends TimeOfResolution {
  days: readonly number[];
}

/** A piece of what a store holds, the same for every engine. */
export type StoredPart =
  | { kind: 'readings'; rows: readonly StoredReading[] }
  | { kind: 'frames'; rows: readonly StoredFrame[] }
  | { kind: 'rollups'; rows: readonly StoredRollup[] }
  | { kind: 'kept'; rows: readonly StoredKept[] }
  | { kind: 'positions'; rows: readonly StoredUpTo[] };

/** Rows of a part; a few megabytes at most, but for a single report of more. */
export const rowsPerPart = 8_192;

const version = 1;
const kinds: readonly string[] = ['readings', 'frames', 'rollups', 'kept', 'positions'] satisfies StoredPart['kind'][];
// Field names once per part: every part can be read on its own.
const packr = new Packr({ useRecords: true, moreTypes: false, int64AsType: 'number' });

/** Encodes a part for a backup. */
export function encodePart({ kind, rows }: StoredPart): Buffer {
  return packr.pack([version, kind, rows]);
}

/** Reads a part back. Throws where another release wrote it in a way that this one does not know. */
export function decodePart(encoded: Uint8Array): StoredPart {
  const [found, kind, rows] = packr.unpack(encoded) as [number, StoredPart['kind'], never];
  if (found !== version || !kinds.includes(kind)) {
    throw new Error(
      `A part of the backup has version ${found} and holds ${kind}: a newer release made it. Restore with that one.`,
    );
  }
  return { kind, rows };
}
