import { decodeGroup, encodeGroup } from './group.js';

/** What a metric's value may be. */
export type ReadingValue = number | boolean | string | { [key: string]: unknown };

/** Doubts about a reading, as bits of `Reading.quality`; 0 is good. */
export const qualityFlags = {
  /** The device's time could not be right; `observedAt` is when we received it, or some milliseconds before: reports of one message keep their order. */
  clock_suspect: 1,
  /** The value came as text ("1500.60") and was read as a number. */
  coerced: 2,
  /** Outside the range its thing model allows: kept, never judged by rules. */
  out_of_range: 4,
  /** No thing model property describes it: kept as it came. */
  unmodelled: 8,
  /** The value's type or unit does not fit the model and could not be converted: kept as it came, never judged. */
  type_mismatch: 16,
} as const;
export type QualityFlag = keyof typeof qualityFlags;

/** The names of the flags set in `quality`, in a stable order; `['good']` where none is. */
export function qualityNames(quality: number): (QualityFlag | 'good')[] {
  if (quality === 0) return ['good'];
  return (Object.keys(qualityFlags) as QualityFlag[]).filter((name) => (quality & qualityFlags[name]) !== 0);
}

/** Readings with these flags are stored and shown, and never judged by a rule. */
export const unjudgeable = qualityFlags.out_of_range | qualityFlags.type_mismatch;

/** One metric's value in a report, in the thing model's unit. */
export interface Reading {
  metric: string;
  value: ReadingValue;
  quality: number;
}

/**
 * What one device observed at one moment. A reading's identity is (device, metric, observedAt, seq); a higher
 * `revision` of the same identity replaces it. Times are epoch milliseconds.
 */
export interface Report {
  observedAt: number;
  /** The device's own time where it was not believed. */
  deviceTime?: number;
  /** The device's sequence number, or undefined where it sends none. */
  seq?: number;
  revision: number;
  /** A device event (thing model event identifier); undefined for plain telemetry. */
  event?: string;
  readings: Reading[];
}

/** What became of a frame. `decoded` with no report is legal: a heartbeat. */
export const frameOutcomes = ['decoded', 'duplicate', 'rejected', 'connected', 'disconnected'] as const;
export type FrameOutcome = (typeof frameOutcomes)[number];

/** One raw message after the normaliser: the frame as kept in the ledger, and the reports found in it. */
export interface NormalisedMessage {
  messageId: string;
  tenantKey: string;
  deviceKey: string;
  productKey: string;
  productVersion: number;
  receivedAt: number;
  outcome: FrameOutcome;
  /** Machine-readable reason of a rejection, or '' */
  reason: string;
  /** `json@1`, `cjt188@1`, `codec@<product version>` */
  decoder: string;
  frame: Uint8Array;
  reports: Report[];
}

/** Encodes normalised messages of one partition as one `readings` entry. */
export function encodeNormalisedMessages(messages: readonly NormalisedMessage[]): Buffer {
  return encodeGroup(
    messages.map((m) => [
      m.messageId,
      m.tenantKey,
      m.deviceKey,
      m.productKey,
      m.productVersion,
      m.receivedAt,
      frameOutcomes.indexOf(m.outcome),
      m.reason,
      m.decoder,
      m.frame,
      m.reports.map((r) => [r.observedAt, r.deviceTime, r.seq, r.revision, r.event, flatReadings(r.readings)]),
    ]),
  );
}

/** Decodes a `readings` entry. Throws `ContractError` on an unknown version or shape. */
export function decodeNormalisedMessages(entry: Uint8Array): NormalisedMessage[] {
  return decodeGroup(entry, (row) => ({
    messageId: row[0] as string,
    tenantKey: row[1] as string,
    deviceKey: row[2] as string,
    productKey: row[3] as string,
    productVersion: row[4] as number,
    receivedAt: row[5] as number,
    outcome: frameOutcomes[row[6] as number] as FrameOutcome,
    reason: row[7] as string,
    decoder: row[8] as string,
    frame: row[9] as Uint8Array,
    reports: (row[10] as unknown[][]).map(readReport),
  }));
}

/** Whose messages a `readings` entry holds, for those who only count. Throws as `decodeNormalisedMessages` does. */
export function decodeMessageOwners(entry: Uint8Array): Pick<NormalisedMessage, 'tenantKey' | 'productKey'>[] {
  return decodeGroup(entry, (row) => ({ tenantKey: row[1] as string, productKey: row[3] as string }));
}

/** Metric, value and quality of each reading in one flat list: the hot path of the flow, so no list per reading. */
function flatReadings(readings: readonly Reading[]): unknown[] {
  const flat: unknown[] = [];
  for (const reading of readings) flat.push(reading.metric, reading.value, reading.quality);
  return flat;
}

function readReport(row: unknown[]): Report {
  const flat = row[5] as unknown[];
  const readings: Reading[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    readings.push({
      metric: flat[at] as string,
      value: flat[at + 1] as ReadingValue,
      quality: flat[at + 2] as number,
    });
  }
  return {
    observedAt: row[0] as number,
    deviceTime: (row[1] as number | null) ?? undefined,
    seq: (row[2] as number | null) ?? undefined,
    revision: row[3] as number,
    event: (row[4] as string | null) ?? undefined,
    readings,
  };
}
