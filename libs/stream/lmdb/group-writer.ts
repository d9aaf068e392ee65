import { rowsIn } from '#libs/contracts';
import type { Append } from '../stream.port.js';
import type { Environment, Table } from './environment.js';
import { readLaneTable } from './environment.js';
import { entryKey, laneKey } from './keys.js';
import { LaneTable } from './lane-table.js';
import { stampEntry, storedEntryBytes, writeEntry } from './stored-value.js';

/** A put, or with `value` undefined a removal, in one of the tables. */
export interface RecordChange {
  table: Table;
  key: Buffer;
  value: Buffer | undefined;
}

/** An append, and whether it brings into the flow what no stage made. */
export interface EnteringAppend extends Append {
  enters: boolean;
}

/** Everything that one transaction keeps. */
export interface Group {
  appends: readonly EnteringAppend[];
  records: readonly RecordChange[];
}

interface LaneState {
  key: Buffer;
  table: LaneTable;
}
type LaneStates = Map<string, LaneState>;

/** After so many conflicts with other writers in a row the group is written under LMDB's writer lock instead. */
const optimisticAttempts = 4;

/**
 * Writes groups into LMDB, one at a time. Positions are given out from the last known lane tables, and the whole
 * transaction is conditional on their versions, so that another thread's appends make it fail and be numbered again:
 * positions have no holes and become visible in order, and no JavaScript runs inside the transaction.
 */
export class GroupWriter {
  private known: LaneStates = new Map();

  constructor(
    private readonly environment: Environment,
    private readonly partitions: number,
  ) {}

  /** Resolves once the group is durable. Rejects with LMDB's error, having kept nothing of it. */
  async write(group: Group, appendedAt: number): Promise<void> {
    const values = writeValues(group.appends, appendedAt);
    for (let attempt = 0; attempt < optimisticAttempts; attempt++) {
      if (await this.writeIfUnchanged(group, values)) return;
      this.forget();
      this.environment.root.resetReadTxn();
    }
    await this.writeLocked(group, values);
  }

  /** Drops what it knows of the lanes; the next group reads them again. */
  forget(): void {
    this.known = new Map();
  }

  private async writeIfUnchanged(group: Group, values: readonly Value[]): Promise<boolean> {
    const next: LaneStates = new Map();
    const keys = this.number(values, next, this.known);
    const lanes = [...next.values()];
    const { root, laneTables } = this.environment;
    const written: Promise<boolean>[] = [];
    const putUnder = (index: number): void => {
      const lane = lanes[index];
      // Conditions nest: the innermost holds only where every one around it does.
      if (lane) written.push(laneTables.ifVersion(lane.key, lane.table.version - 1, () => putUnder(index + 1)));
      else this.putAll(group, keys, values, lanes);
    };
    const batch = root.batch(() => {
      for (const { key, table } of lanes) {
        // A condition needs a record to compare with.
        if (table.version === 1)
          void laneTables.put(key, this.emptyTable(), { noOverwrite: true } as never).catch(ignore);
      }
      putUnder(0);
    });
    const [, ...conditions] = await Promise.all([batch, ...written]);
    // `written` is filled from the outside in, but a condition is pushed after those inside it.
    const unchanged = conditions.length === 0 || conditions[0] === true;
    if (unchanged) for (const [name, lane] of next) this.known.set(name, lane);
    return unchanged;
  }

  private async writeLocked(group: Group, values: readonly Value[]): Promise<void> {
    await this.environment.root.childTransaction(() => {
      const next: LaneStates = new Map();
      const keys = this.number(values, next, new Map());
      this.putAll(group, keys, values, [...next.values()]);
    });
  }

  /** Gives every value its position and its count; `next` receives the lanes as they will be. */
  private number(values: readonly Value[], next: LaneStates, known: LaneStates): Buffer[] {
    return values.map(({ append: { stream, lane, partition, enters }, stored, messages, dataCrc }) => {
      const name = lane === 'urgent' ? `${stream} u` : `${stream} b`;
      let state = next.get(name);
      if (!state) {
        const before = known.get(name) ?? this.read(stream, lane);
        state = { key: before.key, table: before.table.next() };
        next.set(name, state);
      }
      stampEntry(stored, state.table.messages(partition), dataCrc);
      const position = state.table.take(partition, stored.length, messages, enters);
      return entryKey(stream, lane, partition, position);
    });
  }

  private read(stream: string, lane: Append['lane']): LaneState {
    const table = readLaneTable(this.environment.laneTables, stream, lane, this.partitions);
    return { key: laneKey(stream, lane), table };
  }

  private putAll(group: Group, keys: readonly Buffer[], values: readonly Value[], lanes: readonly LaneState[]): void {
    const { entries, laneTables } = this.environment;
    for (const [index, key] of keys.entries()) void entries.put(key, (values[index] as Value).stored);
    for (const { key, table } of lanes) void laneTables.put(key, table.encode());
    for (const { table, key, value } of group.records) void (value ? table.put(key, value) : table.remove(key));
  }

  private emptyTable(): Buffer {
    return LaneTable.empty(this.partitions).encode();
  }
}

/** An entry as it will be stored. */
interface Value {
  append: EnteringAppend;
  stored: Buffer;
  messages: number;
  dataCrc: number;
}

/** All values in one piece of memory: LMDB reads them from there while it writes. */
function writeValues(appends: readonly EnteringAppend[], appendedAt: number): Value[] {
  const memory = Buffer.allocUnsafeSlow(appends.reduce((sum, { data }) => sum + storedEntryBytes(data), 0));
  let at = 0;
  return appends.map((append) => {
    const { data } = append;
    const stored = memory.subarray(at, at + storedEntryBytes(data));
    at += stored.length;
    return { append, stored, messages: rowsIn(data), dataCrc: writeEntry(stored, appendedAt, data) };
  });
}

function ignore(): void {
  // The batch around it rejects with the same reason.
}
