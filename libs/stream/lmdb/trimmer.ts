import { type Lane, lanes } from '#libs/contracts';
import type { Retention } from '../stream.port.js';
import type { Environment } from './environment.js';
import { readLaneTable } from './environment.js';
import type { RecordChange } from './group-writer.js';
import {
  acknowledgementKey,
  entryKey,
  entryKeyEnd,
  groupIn,
  groupKey,
  laneKey,
  positionIn,
  prefixEnd,
} from './keys.js';
import type { LaneTable } from './lane-table.js';
import { readEntry, unprotect } from './stored-value.js';

/** Removals per transaction: a few milliseconds in which nobody else can write. */
const removalsPerCommit = 1_000;

interface Head {
  lane: Lane;
  partition: number;
  /** The newest entry that may go: every group has it behind itself. */
  limit: number;
  /** The oldest entry's time, infinite where none may go. */
  oldestAt: number;
}

/** Cuts streams at their old end, never past what a registered group still owes. */
export class Trimmer {
  constructor(
    private readonly environment: Environment,
    private readonly partitions: number,
    private readonly write: (records: readonly RecordChange[]) => Promise<void>,
  ) {}

  /** Returns how many entries went. */
  async trim({ stream, maxAgeMs, maxBytes }: Retention, now: number): Promise<number> {
    let removed = 0;
    const heads = this.heads(stream);
    for (const head of heads) {
      for (;;) {
        const cut = await this.cut(stream, head, (appendedAt) => appendedAt < now - maxAgeMs);
        removed += cut;
        if (cut < removalsPerCommit) break;
      }
    }
    for (let excess = this.bytes(stream) - maxBytes; excess > 0; excess = this.bytes(stream) - maxBytes) {
      const cut = await this.cutOldest(stream, heads, excess);
      if (cut === 0) break;
      removed += cut;
    }
    return removed;
  }

  /** Stored bytes of all entries of a stream. */
  bytes(stream: string): number {
    let bytes = 0;
    this.environment.root.resetReadTxn();
    for (const lane of lanes) {
      const appended = this.table('laneTables', stream, lane);
      const trimmed = this.table('trimmed', stream, lane);
      for (let partition = 0; partition < this.partitions; partition++) {
        bytes += appended.appendedBytes(partition) - trimmed.appendedBytes(partition);
      }
    }
    return bytes;
  }

  /** Cuts up to `excess` bytes where the oldest entry is, at most as far as the next oldest partition's head. */
  private async cutOldest(stream: string, heads: readonly Head[], excess: number): Promise<number> {
    const sorted = [...heads].sort((a, b) => a.oldestAt - b.oldestAt);
    const [oldest, second] = sorted;
    if (!oldest || oldest.oldestAt === Number.POSITIVE_INFINITY) return 0;
    let left = excess;
    return this.cut(stream, oldest, (appendedAt, bytes) => {
      if (left <= 0 || appendedAt > (second?.oldestAt ?? Number.POSITIVE_INFINITY)) return false;
      left -= bytes;
      return true;
    });
  }

  /** Removes entries from the old end as long as `goes` says so. */
  private async cut(stream: string, head: Head, goes: (appendedAt: number, bytes: number) => boolean): Promise<number> {
    const { lane, partition } = head;
    const { entries, trimmed } = this.environment;
    this.environment.root.resetReadTxn();
    const records: RecordChange[] = [];
    const table = this.table('trimmed', stream, lane).next();
    let last = table.last(partition);
    let bytes = table.appendedBytes(partition);
    head.oldestAt = Number.POSITIVE_INFINITY;
    const range = { start: entryKey(stream, lane, partition, last + 1), end: entryKeyEnd(stream, lane, partition) };
    for (const { key, value } of entries.getRange(range)) {
      const position = positionIn(key);
      if (position > head.limit) break;
      const { appendedAt } = readEntry(value, () => `${stream}/${lane}/${partition}/${position}`);
      if (records.length >= removalsPerCommit || !goes(appendedAt, value.length)) {
        head.oldestAt = appendedAt;
        break;
      }
      records.push({ table: entries, key, value: undefined });
      last = position;
      bytes += value.length;
    }
    if (records.length === 0) return 0;
    const removed = records.length;
    table.set(partition, last, bytes);
    await this.write([...records, { table: trimmed, key: laneKey(stream, lane), value: table.encode() }]);
    return removed;
  }

  private heads(stream: string): Head[] {
    this.environment.root.resetReadTxn();
    const groups = this.groupsOf(stream);
    return lanes.flatMap((lane) => {
      const appended = this.table('laneTables', stream, lane);
      return Array.from({ length: this.partitions }, (_, partition) => ({
        lane,
        partition,
        limit: Math.min(
          appended.last(partition),
          ...groups.map((group) => readAcknowledged(this.environment, stream, group, lane, partition)),
        ),
        oldestAt: Number.POSITIVE_INFINITY,
      }));
    });
  }

  private groupsOf(stream: string): string[] {
    const prefix = groupKey(stream, '');
    const names: string[] = [];
    for (const key of this.environment.groups.getKeys({ start: prefix, end: prefixEnd(prefix) })) {
      names.push(groupIn(key).group);
    }
    return names;
  }

  private table(which: 'laneTables' | 'trimmed', stream: string, lane: Lane): LaneTable {
    return readLaneTable(this.environment[which], stream, lane, this.partitions);
  }
}

/** The position up to which a group has worked through a partition, 0 at first. */
export function readAcknowledged(
  environment: Environment,
  stream: string,
  group: string,
  lane: Lane,
  partition: number,
): number {
  const stored = environment.acknowledgements.get(acknowledgementKey(stream, group, lane, partition));
  return stored ? unprotect(stored, () => `acknowledgement of ${stream}/${group}`).readDoubleBE(0) : 0;
}
