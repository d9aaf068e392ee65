import { crc32 } from 'node:zlib';
import { StreamCorruptError } from '../stream.errors.js';
import type { Entry } from '../stream.port.js';

const entryHeaderBytes = 20;
const stampBytes = entryHeaderBytes - 4;

/** Bytes that an entry takes up as a stored value. */
export function storedEntryBytes(data: Uint8Array): number {
  return entryHeaderBytes + data.byteLength;
}

/**
 * Writes an entry into `target`: CRC-32 (4, big-endian) of data and stamp, the stamp (appendedAt, epoch ms, and
 * messagesBefore, two big-endian doubles), data. Returns the CRC-32 of the data: `stampEntry` makes the entry whole.
 */
export function writeEntry(target: Buffer, appendedAt: number, data: Uint8Array): number {
  target.writeDoubleBE(appendedAt, 4);
  target.set(data, entryHeaderBytes);
  return crc32(data);
}

/** Says how many messages of its place there were before a written entry; again, where it is numbered again. */
export function stampEntry(target: Buffer, messagesBefore: number, dataCrc: number): void {
  target.writeDoubleBE(messagesBefore, 12);
  target.writeUInt32BE(crc32(target.subarray(4, 4 + stampBytes), dataCrc), 0);
}

/** Reads an entry back; `data` is a view into `stored`. Throws `StreamCorruptError` where the CRC does not fit. */
export function readEntry(stored: Uint8Array, where: () => string): Omit<Entry, 'position'> {
  const buffer = asBuffer(stored);
  const data = buffer.subarray(entryHeaderBytes);
  if (
    buffer.length < entryHeaderBytes ||
    buffer.readUInt32BE(0) !== crc32(buffer.subarray(4, 4 + stampBytes), crc32(data))
  ) {
    throw new StreamCorruptError(`stream entry ${where()} is damaged: its checksum does not fit`);
  }
  return { appendedAt: buffer.readDoubleBE(4), messagesBefore: buffer.readDoubleBE(12), data };
}

/** The stamp of an entry, unchecked: for what is shown, not for what is worked with. */
export function readStamp(stored: Uint8Array): Pick<Entry, 'appendedAt' | 'messagesBefore'> {
  const buffer = asBuffer(stored);
  return { appendedAt: buffer.readDoubleBE(4), messagesBefore: buffer.readDoubleBE(12) };
}

/** A small record (state, acknowledgement, format) with its CRC-32 in front. */
export function protect(data: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(4 + data.byteLength);
  stored.set(data, 4);
  stored.writeUInt32BE(crc32(stored.subarray(4)), 0);
  return stored;
}

/** What `protect` protected. Throws `StreamCorruptError` where the CRC does not fit. */
export function unprotect(stored: Uint8Array, what: () => string): Buffer {
  const buffer = asBuffer(stored);
  if (buffer.length < 4 || buffer.readUInt32BE(0) !== crc32(buffer.subarray(4))) {
    throw new StreamCorruptError(`stream record ${what()} is damaged: its checksum does not fit`);
  }
  return buffer.subarray(4);
}

/** How far a group has come in a partition. */
export interface Acknowledgement {
  /** 0 at first. */
  position: number;
  /** Messages since ever that its stage gave up on. */
  givenUp: number;
}

/** The record of an acknowledgement, as it is stored. */
export function acknowledgementRecord({ position, givenUp }: Acknowledgement): Buffer {
  const record = Buffer.allocUnsafe(16);
  record.writeDoubleBE(position, 0);
  record.writeDoubleBE(givenUp, 8);
  return protect(record);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
