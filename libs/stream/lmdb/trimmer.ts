import { lanes } from '#libs/contracts';
import type { Place, Retention } from '../stream.port.js';
import { type Environment, readLaneTable } from './environment.js';
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
import { type Acknowledgement, readEntry, unprotect } from './stored-value.js';

/** Removals per transaction: a few milliseconds in which nobody else can write. */
const removalsPerCommit = 1_000;
const candidatesPerPlace = 64;

/** An entry that every group has behind itself. */
interface Candidate extends Place {
  position: number;
  key: Buffer;
  bytes: number;
  /** When it was appended, and never earlier than the entries before it, whatever the clock did. */
  at: number;
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
    for (;;) {
      let excess = this.bytes(stream) - maxBytes;
      const going: Candidate[] = [];
      // Mostly nothing goes: one look at the oldest of each place says so.
      const perPlace = removed === 0 && excess <= 0 ? 1 : candidatesPerPlace;
      for (const candidate of this.oldest(stream, perPlace)) {
        if (going.length === removalsPerCommit) break;
        if (candidate.at >= now - maxAgeMs && excess <= 0) break;
        going.push(candidate);
        excess -= candidate.bytes;
      }
      if (going.length === 0) return removed;
      await this.remove(stream, going);
      removed += going.length;
    }
  }

  /** Stored bytes of all entries of a stream. */
  private bytes(stream: string): number {
    let bytes = 0;
    this.environment.root.resetReadTxn();
    for (const lane of lanes) {
      const appended = this.table('laneTables', stream, lane);
      const trimmed = this.table('trimmed', stream, lane);
      for (let partition = 0; partition < this.partitions; partition++) {
        bytes += appended.total(partition) - trimmed.total(partition);
      }
    }
    return bytes;
  }

  /** The oldest entries that may go, oldest first. */
  private oldest(stream: string, perPlace: number): Candidate[] {
    this.environment.root.resetReadTxn();
    const groups = this.groupsOf(stream);
    const candidates: Candidate[] = [];
    let horizon = Number.POSITIVE_INFINITY;
    for (const lane of lanes) {
      const appended = this.table('laneTables', stream, lane);
      const trimmed = this.table('trimmed', stream, lane);
      for (let partition = 0; partition < this.partitions; partition++) {
        const limit = Math.min(
          appended.last(partition),
          ...groups.map((group) => readAcknowledgement(this.environment, stream, group, lane, partition).position),
        );
        const place = { stream, lane, partition };
        const found = this.oldestOf(place, trimmed.last(partition), limit, perPlace);
        candidates.push(...found);
        // What follows in a place that has more may be older than what is left of the others.
        if (found.length === perPlace) horizon = Math.min(horizon, found.at(-1)?.at ?? horizon);
      }
    }
    return candidates.filter(({ at }) => at <= horizon).sort((a, b) => a.at - b.at || a.position - b.position);
  }

  private oldestOf(place: Place, after: number, limit: number, perPlace: number): Candidate[] {
    if (after >= limit) return [];
    const { stream, lane, partition } = place;
    const found: Candidate[] = [];
    let at = 0;
    const range = {
      start: entryKey(stream, lane, partition, after + 1),
      end: entryKeyEnd(stream, lane, partition),
      limit: perPlace,
    };
    for (const { key, value } of this.environment.entries.getRange(range)) {
      const position = positionIn(key);
      if (position > limit) break;
      at = Math.max(at, readEntry(value, () => `${stream}/${lane}/${partition}/${position}`).appendedAt);
      found.push({ ...place, position, key, bytes: value.length, at });
    }
    return found;
  }

  private async remove(stream: string, going: readonly Candidate[]): Promise<void> {
    const records: RecordChange[] = going.map(({ key }) => ({
      table: this.environment.entries,
      key,
      value: undefined,
    }));
    for (const lane of lanes) {
      const ofLane = going.filter((candidate) => candidate.lane === lane);
      if (ofLane.length === 0) continue;
      const table = this.table('trimmed', stream, lane).next();
      for (const { partition, position, bytes } of ofLane) {
        table.set(partition, Math.max(table.last(partition), position), table.total(partition) + bytes);
      }
      records.push({ table: this.environment.trimmed, key: laneKey(stream, lane), value: table.encode() });
    }
    await this.write(records);
  }

  private groupsOf(stream: string): string[] {
    const prefix = groupKey(stream, '');
    const names: string[] = [];
    for (const key of this.environment.groups.getKeys({ start: prefix, end: prefixEnd(prefix) })) {
      names.push(groupIn(key).group);
    }
    return names;
  }

  private table(which: 'laneTables' | 'trimmed', stream: string, lane: Place['lane']): LaneTable {
    return readLaneTable(this.environment[which], stream, lane, this.partitions);
  }
}

/** How far a group has come in a partition. */
export function readAcknowledgement(
  environment: Environment,
  stream: string,
  group: string,
  lane: Place['lane'],
  partition: number,
): Acknowledgement {
  const stored = environment.acknowledgements.get(acknowledgementKey(stream, group, lane, partition));
  if (!stored) return { position: 0, givenUp: 0 };
  const record = unprotect(stored, () => `acknowledgement of ${stream}/${group}`);
  return { position: record.readDoubleBE(0), givenUp: record.readDoubleBE(8) };
}
