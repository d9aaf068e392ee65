import { type DuckDBAppender, type DuckDBBlobValue, DuckDBDataChunk, type DuckDBValue } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { LatestCell } from './latest-map.js';
import { type PartKind, partColumns } from './schema.js';

/** DuckDB's vector size: what one data chunk holds. */
export const chunkRows = 2_048;

const integers = () => new Int32Array(chunkRows);
const bytes = () => new Uint8Array(chunkRows);
const doubles = () => new Float64Array(chunkRows);

/** One chunk of readings, in the order of `partColumns.readings`. */
export const readingColumns = () => ({
  device: integers(),
  metric: integers(),
  observedAt: doubles(),
  seq: doubles(),
  revision: integers(),
  kind: bytes(),
  value: doubles(),
  text: new Array<string>(chunkRows).fill(''),
  quality: integers(),
  receivedAt: doubles(),
  storedAt: doubles(),
  deviceTime: doubles(),
  source: integers(),
  position: doubles(),
  slot: integers(),
});

export type ReadingBuffer = RowBuffer<ReturnType<typeof readingColumns>>;

/** One chunk of frames, in the order of `partColumns.frames`. */
export const frameColumns = () => ({
  device: integers(),
  receivedAt: doubles(),
  source: integers(),
  position: doubles(),
  slot: integers(),
  product: integers(),
  productVersion: integers(),
  outcome: bytes(),
  reason: integers(),
  decoder: integers(),
  storedAt: doubles(),
  bytes: new Array<DuckDBBlobValue>(chunkRows),
});

type Column = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Float64Array<ArrayBuffer> | DuckDBValue[];

/** `duckdb_string_t` of the C API: 16 bytes, the length first, so that zeros are empty strings. */
const emptyStrings = new Uint8Array(chunkRows * 16);

/** Collects rows column by column and hands full chunks to an appender. */
export class RowBuffer<C extends Readonly<Record<string, Column>>> {
  private readonly types;
  private readonly ordered: readonly Column[];
  private rows = 0;

  constructor(
    kind: PartKind,
    /** Fill the row that `next` names in every column. */
    readonly columns: C,
    private readonly appender: DuckDBAppender,
  ) {
    this.types = partColumns[kind].map((c) => c.type);
    this.ordered = Object.values(columns);
  }

  /** The row to fill; every column of it must be set before the next call. */
  next(): number {
    if (this.rows === chunkRows) this.hand();
    this.rows += 1;
    return this.rows - 1;
  }

  /** Hands over what is left and writes it into the transaction. */
  flush(): void {
    this.hand();
    this.appender.flushSync();
  }

  /** Forgets what is not yet in the transaction. */
  discard(): void {
    this.rows = 0;
    this.appender.clear();
  }

  close(): void {
    this.appender.closeSync();
  }

  private hand(): void {
    const { rows, types } = this;
    if (rows === 0) return;
    const chunk = DuckDBDataChunk.create(types, rows);
    for (const [index, column] of this.ordered.entries()) {
      // In one piece: value by value costs more than all that DuckDB does with them here.
      if (!Array.isArray(column)) copyColumn(chunk, index, column, rows);
      else if (isEmpty(column, rows)) copyColumn(chunk, index, emptyStrings, rows * 16);
      else chunk.setColumnValues(index, rows === chunkRows ? column : column.slice(0, rows));
    }
    this.appender.appendDataChunk(chunk);
    this.rows = 0;
  }
}

/** Fills a column of the chunk with the first `count` elements. */
function copyColumn(
  chunk: DuckDBDataChunk,
  index: number,
  values: Exclude<Column, DuckDBValue[]>,
  count: number,
): void {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
  duckdb.copy_data_to_vector(vector, 0, values.buffer, values.byteOffset, count * values.BYTES_PER_ELEMENT);
}

/** True where the first `rows` values are empty strings: most readings are numbers. */
function isEmpty(column: readonly DuckDBValue[], rows: number): boolean {
  for (let row = 0; row < rows; row += 1) if (column[row] !== '') return false;
  return true;
}

/** Adds one reading. */
export function addReading(buffer: ReadingBuffer, device: number, cell: LatestCell): void {
  const row = buffer.next();
  const columns = buffer.columns;
  columns.device[row] = device;
  columns.metric[row] = cell.metric;
  columns.observedAt[row] = cell.observedAt;
  columns.seq[row] = cell.seq;
  columns.revision[row] = cell.revision;
  columns.kind[row] = cell.kind;
  columns.value[row] = cell.value;
  columns.text[row] = cell.text;
  columns.quality[row] = cell.quality;
  columns.receivedAt[row] = cell.receivedAt;
  columns.storedAt[row] = cell.storedAt;
  columns.deviceTime[row] = cell.deviceTime;
  columns.source[row] = cell.source;
  columns.position[row] = cell.position;
  columns.slot[row] = cell.slot;
}
