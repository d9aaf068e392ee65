import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  INTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';

/** What names stand for. The order is stored: append only. */
const nameKinds = ['device', 'metric', 'product', 'decoder', 'reason'] as const;
export type NameKind = (typeof nameKinds)[number];

const chunkRows = 2_048;

/**
 * Integers for the names that repeat in every row, kept in memory and in the `names` table. A new name is written in the
 * transaction of the first row that uses it.
 */
export class Dictionary {
  private readonly ids = nameKinds.map(() => new Map<string, number>());
  /** Names by id, for all kinds but devices: whoever asks for a device names it. */
  private readonly names = nameKinds.map((): string[] => ['']);
  private unsaved: { kind: number; id: number; name: string }[] = [];

  /** Reads the `names` table. */
  async load(connection: DuckDBConnection): Promise<void> {
    const result = await connection.stream('SELECT kind, id, name FROM names');
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return;
      const [kinds, ids, names] = chunk.getColumns() as [number[], number[], string[]];
      for (let row = 0; row < kinds.length; row += 1) this.keep(kinds[row] ?? 0, ids[row] ?? 0, names[row] ?? '');
    }
  }

  /** The id of a name; a new one where it has none. */
  idOf(kind: NameKind, name: string): number {
    const index = nameKinds.indexOf(kind);
    const ids = this.ids[index] as Map<string, number>;
    const known = ids.get(name);
    if (known !== undefined) return known;
    const id = ids.size + 1;
    this.keep(index, id, name);
    this.unsaved.push({ kind: index, id, name });
    return id;
  }

  /** The id of a name, or undefined where nothing was stored under it. */
  find(kind: NameKind, name: string): number | undefined {
    return this.ids[nameKinds.indexOf(kind)]?.get(name);
  }

  /** The name of an id of any kind but `device`. */
  nameOf(kind: Exclude<NameKind, 'device'>, id: number): string {
    return this.names[nameKinds.indexOf(kind)]?.[id] ?? '';
  }

  /** Writes the names that are new since the last commit; call `saved` when the transaction has committed. */
  async save(connection: DuckDBConnection): Promise<void> {
    if (this.unsaved.length === 0) return;
    const appender: DuckDBAppender = await connection.createAppender('names');
    for (let at = 0; at < this.unsaved.length; at += chunkRows) {
      const rows = this.unsaved.slice(at, at + chunkRows);
      const chunk = DuckDBDataChunk.create([UTINYINT, INTEGER, VARCHAR]);
      chunk.setColumns([rows.map((r) => r.kind), rows.map((r) => r.id), rows.map((r) => r.name)]);
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
    appender.closeSync();
  }

  /** The names written last are durable. */
  saved(): void {
    this.unsaved = [];
  }

  /** Forgets every name. */
  clear(): void {
    for (const ids of this.ids) ids.clear();
    for (const names of this.names) names.length = 1;
    this.unsaved = [];
  }

  private keep(kind: number, id: number, name: string): void {
    this.ids[kind]?.set(name, id);
    if (nameKinds[kind] === 'device') return;
    const names = this.names[kind];
    if (names) names[id] = name;
  }
}
