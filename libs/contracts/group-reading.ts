import { decodeGroup, encodeGroup } from './group.js';

/** One device of a group began or ceased to meet what a group rule asks of its members. */
export interface GroupReading {
  /** What the rule joins by, unique on the platform; also what the entry is partitioned by. */
  group: string;
  tenantKey: string;
  /** The rule, by its ordinal, and the revision that judged the member. */
  ruleOrdinal: number;
  ruleRevision: number;
  deviceKey: string;
  deviceId: string;
  meets: boolean;
  /** Event time of the evidence, epoch milliseconds. */
  observedAt: number;
  /** The raw message that caused it, '' for a timer. */
  messageId: string;
}

/** Encodes group readings of one partition as one `group-readings` entry. */
export function encodeGroupReadings(readings: readonly GroupReading[]): Buffer {
  return encodeGroup(readings.map((r) => [r]));
}

/** Decodes a `group-readings` entry. */
export function decodeGroupReadings(entry: Uint8Array): GroupReading[] {
  return decodeGroup(entry, (row) => row[0] as GroupReading);
}
