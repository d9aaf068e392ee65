import { crc32 } from 'node:zlib';
import { StreamCorruptError } from '../stream.errors.js';

/** Doubles per partition: last position, bytes, messages, messages that entered here. */
const cellsEach = 4;

/**
 * Where every partition of one lane of a stream stands. One record for all partitions, so that a commit is conditional
 * on one version however many partitions it touches, and a reader learns all tails with one lookup.
 *
 * Stored: version (8, little-endian double: LMDB's conditional write compares these bytes), CRC-32 of the rest (4), then
 * per partition the last position, and the bytes, the messages and the messages that no stage brought, all since ever
 * (little-endian doubles).
 */
export class LaneTable {
  private constructor(
    /** Grows by one with every commit that appends to the lane. */
    readonly version: number,
    private readonly cells: Float64Array,
  ) {}

  static empty(partitions: number): LaneTable {
    return new LaneTable(0, new Float64Array(partitions * cellsEach));
  }

  /** A table of these rows, one per partition. */
  static of(version: number, rows: readonly { last: number; bytes: number; messages: number; entered: number }[]) {
    const cells = rows.flatMap(({ last, bytes, messages, entered }) => [last, bytes, messages, entered]);
    return new LaneTable(version, Float64Array.from(cells));
  }

  /** Reads a stored record; copies it. Throws `StreamCorruptError`. */
  static decode(stored: Uint8Array, what: string): LaneTable {
    const copy = Buffer.from(stored);
    if (copy.length < 12 || copy.readUInt32LE(8) !== crc32(copy.subarray(12))) {
      throw new StreamCorruptError(`stream record ${what} is damaged: its checksum does not fit`);
    }
    const cells = new Float64Array((copy.length - 12) / 8);
    for (let at = 0; at < cells.length; at++) cells[at] = copy.readDoubleLE(12 + at * 8);
    return new LaneTable(copy.readDoubleLE(0), cells);
  }

  encode(): Buffer {
    const stored = Buffer.allocUnsafe(12 + this.cells.length * 8);
    stored.writeDoubleLE(this.version, 0);
    for (let at = 0; at < this.cells.length; at++) stored.writeDoubleLE(this.cells[at] as number, 12 + at * 8);
    stored.writeUInt32LE(crc32(stored.subarray(12)), 8);
    return stored;
  }

  /** The table that the next commit writes. */
  next(): LaneTable {
    return new LaneTable(this.version + 1, this.cells.slice());
  }

  /** The last position, 0 where there is none. */
  last(partition: number): number {
    return this.cells[partition * cellsEach] ?? 0;
  }

  /** Stored bytes since ever. */
  total(partition: number): number {
    return this.cells[partition * cellsEach + 1] ?? 0;
  }

  /** Messages since ever. */
  messages(partition: number): number {
    return this.cells[partition * cellsEach + 2] ?? 0;
  }

  /** Messages since ever that came into the flow here. */
  entered(partition: number): number {
    return this.cells[partition * cellsEach + 3] ?? 0;
  }

  /** Sets a partition: for the record of what was trimmed. */
  set(partition: number, last: number, bytes: number): void {
    this.cells[partition * cellsEach] = last;
    this.cells[partition * cellsEach + 1] = bytes;
  }

  /** Sets all that is known of a partition: for a log that goes on where another stood. */
  begin(partition: number, standing: { last: number; bytes: number; messages: number; entered: number }): void {
    const { last, bytes, messages, entered } = standing;
    this.cells.set([last, bytes, messages, entered], partition * cellsEach);
  }

  /** Takes the next position of a partition for an entry of so many stored bytes and messages. */
  take(partition: number, bytes: number, messages: number, enters: boolean): number {
    const { cells } = this;
    const at = partition * cellsEach;
    const position = (cells[at] as number) + 1;
    cells[at] = position;
    cells[at + 1] = (cells[at + 1] as number) + bytes;
    cells[at + 2] = (cells[at + 2] as number) + messages;
    if (enters) cells[at + 3] = (cells[at + 3] as number) + messages;
    return position;
  }
}

/** Reads the last position of a partition straight out of a stored record, without decoding the rest. */
export function lastIn(stored: Buffer, partition: number): number {
  return stored.readDoubleLE(12 + partition * cellsEach * 8);
}
