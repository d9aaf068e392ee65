import { Packr } from 'msgpackr';
import type { LogRecord } from '#libs/stream';

const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });

/** Encodes a record of the stream. */
export function encodeLogRecord(record: LogRecord): Buffer {
  return packr.pack(record);
}

/** Reads one back. */
export function decodeLogRecord(encoded: Uint8Array): LogRecord {
  return packr.unpack(encoded) as LogRecord;
}
