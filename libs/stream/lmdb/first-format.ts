import { crc32 } from 'node:zlib';
import { StreamCorruptError } from '../stream.errors.js';
import { unprotect } from './stored-value.js';

/** Format 1, as the first release wrote it: what is only read any more, when a folder is brought to today's. */
export const firstFormat = 1;

const entryHeaderBytes = 12;
const tableHeaderBytes = 12;

/** An entry: CRC-32 of the rest (4, big-endian), appendedAt (8, epoch ms, big-endian double), data. Throws `StreamCorruptError`. */
export function readFirstEntry(stored: Buffer, where: () => string): { appendedAt: number; data: Buffer } {
  if (stored.length < entryHeaderBytes || stored.readUInt32BE(0) !== crc32(stored.subarray(4))) {
    throw new StreamCorruptError(`stream entry ${where()} is damaged: its checksum does not fit`);
  }
  return { appendedAt: stored.readDoubleBE(4), data: stored.subarray(entryHeaderBytes) };
}

/** A lane table: version and CRC-32 as today, then per partition the last position and the bytes since ever. */
export function readFirstTable(stored: Buffer, what: string): { version: number; last: number[]; bytes: number[] } {
  if (stored.length < tableHeaderBytes || stored.readUInt32LE(8) !== crc32(stored.subarray(tableHeaderBytes))) {
    throw new StreamCorruptError(`stream record ${what} is damaged: its checksum does not fit`);
  }
  const cells = (stored.length - tableHeaderBytes) / 16;
  const cell = (at: number) => stored.readDoubleLE(tableHeaderBytes + at * 8);
  return {
    version: stored.readDoubleLE(0),
    last: Array.from({ length: cells }, (_, partition) => cell(partition * 2)),
    bytes: Array.from({ length: cells }, (_, partition) => cell(partition * 2 + 1)),
  };
}

/** An acknowledgement: the position alone. */
export function readFirstAcknowledgement(stored: Buffer, what: string): number {
  return unprotect(stored, () => what).readDoubleBE(0);
}
