import type { DuckDBConnection } from '@duckdb/node-api';
import { encodePart, rowsPerPart } from '../stored-part.js';
import type { StoredReading } from '../telemetry-store.port.js';
import type { Compaction } from './compaction.js';
import type { Dictionary } from './dictionary.js';
import { framesOf } from './frame-query.js';
import type { GroupQueue } from './group-queue.js';
import type { Part, Parts } from './parts.js';
import { rowsOf, storedReading } from './reading-query.js';
import { piecesOfRollups } from './rollup-copy.js';
import type { Rollups } from './rollups.js';
import { type PartKind, partColumns } from './schema.js';
import type { StoreFile } from './store-file.js';

/** A report's readings come one after the other, and a device's reports in order: what another engine keeps together stays so. */
const exportOrder: Readonly<Record<PartKind, string>> = {
  readings: 'device, observed_at, seq, source, position, slot, revision, metric',
  frames: 'received_at, source, position, slot',
};

/** Hands out everything that is stored, piece by piece, while no table of it is dropped. */
export class StoreExport {
  private running: { pieces: AsyncGenerator<Uint8Array>; release: () => void } | undefined;

  constructor(
    private readonly file: StoreFile,
    private readonly state: { parts: Parts; dictionary: Dictionary; queue: GroupQueue; rollups: Rollups },
    private readonly compaction: Compaction,
  ) {}

  /** The next piece, the first one where `begin`; undefined after the last. */
  async next(begin: boolean): Promise<Uint8Array | undefined> {
    if (begin) {
      await this.end();
      await this.begin();
    }
    const piece = await this.running?.pieces.next();
    if (piece && !piece.done) return piece.value;
    await this.end();
    return undefined;
  }

  /** Breaks off what is under way. */
  async end(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await running?.pieces.return(undefined);
    running?.release();
  }

  private async begin(): Promise<void> {
    let release = () => {};
    void this.compaction.guard(() => new Promise<void>((resolve) => (release = resolve)));
    const parts = this.state.parts
      .all()
      .filter((part) => part.state !== 'obsolete' && part.rows > 0)
      .sort((a, b) => a.from - b.from);
    this.running = { pieces: this.pieces(parts), release };
  }

  private async *pieces(parts: readonly Part[]): AsyncGenerator<Uint8Array> {
    const connection = await this.file.connect();
    try {
      for (const part of parts) {
        if (part.kind === 'readings') yield* this.readings(connection, part);
        else yield* this.frames(connection, part);
      }
      yield* piecesOfRollups(connection, this.state.dictionary, this.state.rollups.kept());
      yield encodePart({ kind: 'positions', rows: this.state.queue.positions() });
    } finally {
      connection.closeSync();
    }
  }

  private async *readings(connection: DuckDBConnection, part: Part): AsyncGenerator<Uint8Array> {
    let rows: StoredReading[] = [];
    for await (const columns of rowsOfPart(connection, part)) {
      const devices = columns.pop() as string[];
      let row = 0;
      for (const cell of rowsOf(columns)) {
        const reading = storedReading(devices[row++] ?? '', cell, this.state.dictionary);
        const last = rows.at(-1);
        if (rows.length >= rowsPerPart && last && !sameReport(last, reading)) {
          yield encodePart({ kind: 'readings', rows });
          rows = [];
        }
        rows.push(reading);
      }
    }
    if (rows.length > 0) yield encodePart({ kind: 'readings', rows });
  }

  private async *frames(connection: DuckDBConnection, part: Part): AsyncGenerator<Uint8Array> {
    for await (const columns of rowsOfPart(connection, part)) {
      const devices = columns.pop() as string[];
      const frames = framesOf('', columns, this.state.dictionary);
      const rows = frames.map((frame, row) => ({ ...frame, deviceKey: devices[row] ?? '' }));
      yield encodePart({ kind: 'frames', rows });
    }
  }
}

/** Whether two readings are of one report of one message. */
function sameReport(a: StoredReading, b: StoredReading): boolean {
  return a.deviceKey === b.deviceKey && a.observedAt === b.observedAt && a.messageId === b.messageId && a.seq === b.seq;
}

/** A part's rows in chunks of columns, the last one the device's name. */
async function* rowsOfPart(connection: DuckDBConnection, part: Part) {
  const columns = partColumns[part.kind].map((column) => `p.${column.name}`).join(', ');
  const order = exportOrder[part.kind].split(', ').map((name) => `p.${name}`);
  const result = await connection.stream(
    `SELECT ${columns}, n.name FROM ${part.name} p JOIN names n ON n.kind = 0 AND n.id = p.device ORDER BY ${order.join(', ')}`,
  );
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    yield chunk.getColumns();
  }
}
