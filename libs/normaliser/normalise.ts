import { createHash } from 'node:crypto';
import { type FrameOutcome, qualityFlags, type Reading, type Report } from '#libs/contracts';
import type { Decoded, DecodedReport, Warning } from './decoders/decoder.js';
import type { DeviceWindow } from './dedupe/device-window.js';
import type { CompiledModel } from './model/compiled-model.js';
import { isBelievable, type TimeBounds } from './time/device-time.js';

/** A decoded frame after the thing model, the clock check and the dedupe window have judged it. */
export interface Normalised {
  outcome: Extract<FrameOutcome, 'decoded' | 'duplicate' | 'rejected'>;
  /** Why it was rejected, or `identity_conflict` of a duplicate with other values; else ''. */
  reason: string;
  detail: string;
  reports: Report[];
  /** Reports and readings dropped because they were seen before. */
  duplicateReports: number;
  duplicateReadings: number;
}

/** What is known of a message beside its decoded content. */
export interface Message {
  payload: Uint8Array;
  receivedAt: number;
  /** The thing model event that it announces. */
  event: string | undefined;
}

/** Messages of more reports are also known by their payload, because the window may be shorter than they are. */
const manyReports = 8;

/**
 * Judges one decoded frame. `window` undefined judges without memory (a dry run). `notes` collects warnings.
 */
export function normalise(
  decoded: Decoded,
  message: Message,
  model: CompiledModel,
  bounds: TimeBounds,
  window: DeviceWindow | undefined,
  notes: Warning[],
): Normalised {
  const reports: Report[] = [];
  const times: (number | undefined)[] = [];
  for (const one of decoded.reports) {
    const readings = model.read(one.values, notes);
    if (!Array.isArray(readings)) return rejected(readings.reason, readings.detail);
    if (readings.length === 0 && message.event === undefined) continue;
    const report = reportOf(one, readings, message, bounds, notes);
    reports.push(report);
    times.push(report.observedAt === one.time ? one.time : undefined);
  }
  tellApart(reports, times);
  if (message.event !== undefined && !model.hasEvent(message.event)) {
    notes.push({
      kind: 'event_unmodelled',
      detail: `The thing model has no event "${message.event}": kept all the same.`,
    });
  }
  const normalised: Normalised = {
    outcome: 'decoded',
    reason: '',
    detail: '',
    reports,
    duplicateReports: 0,
    duplicateReadings: 0,
  };
  if (window && reports.length > 0) dropDuplicates(normalised, message, window, times);
  return normalised;
}

/** A rejection as the ledger shows it. */
export function rejected(reason: string, detail: string): Normalised {
  return { outcome: 'rejected', reason, detail, reports: [], duplicateReports: 0, duplicateReadings: 0 };
}

/**
 * The report with its event time. A device clock that cannot be right is not believed, so that a smoke detector whose
 * clock died still raises its alarm now, and no history is written to 1970: observedAt is then when we received it, and
 * the device's own time is kept beside it. A report without a time is as good as its arrival.
 */
function reportOf(
  one: DecodedReport,
  readings: Reading[],
  message: Message,
  bounds: TimeBounds,
  notes: Warning[],
): Report {
  const { time, seq, revision } = one;
  const { event, receivedAt } = message;
  if (time === undefined || isBelievable(time, receivedAt, bounds)) {
    return { observedAt: time ?? receivedAt, deviceTime: undefined, seq, revision, event, readings };
  }
  notes.push({ kind: 'clock_suspect', detail: suspicion(time) });
  for (const reading of readings) reading.quality |= qualityFlags.clock_suspect;
  // Beyond what a Date can hold there is no time to keep.
  const deviceTime = Math.abs(time) <= 8.64e15 ? time : undefined;
  return { observedAt: receivedAt, deviceTime, seq, revision, event, readings };
}

function suspicion(time: number): string {
  const named = Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : 'a time that does not exist';
  const seconds = time > 1e9 && time < 1e10 ? ' Epoch times are in milliseconds; this looks like seconds.' : '';
  return `time names ${named}, which cannot be right: the time of receipt is used instead.${seconds}`;
}

/**
 * Gives reports of one message that have neither a believed time nor a sequence number a millisecond each, in the order in
 * which they were reported and the last at the time of receipt. Nothing else tells them apart: with one time for all they
 * would have one identity, and all but one would never show. `times` as in `dropDuplicates`.
 */
function tellApart(reports: readonly Report[], times: readonly (number | undefined)[]): void {
  let later = 0;
  for (let index = reports.length - 1; index >= 0; index -= 1) {
    const report = reports[index] as Report;
    if (times[index] !== undefined || report.seq !== undefined) continue;
    report.observedAt -= later;
    later += 1;
  }
}

/** `times` are the device's times that were believed, report by report. */
function dropDuplicates(
  normalised: Normalised,
  message: Message,
  window: DeviceWindow,
  times: readonly (number | undefined)[],
): void {
  const { reports } = normalised;
  const isLong =
    reports.length > manyReports &&
    reports.every((report, index) => report.seq !== undefined || times[index] !== undefined);
  const digest = isLong ? createHash('sha256').update(message.payload).digest() : undefined;
  if (digest && window.knowsPayload(digest.readUInt32LE(0), digest.readUInt32LE(4))) {
    normalised.reports = [];
    normalised.duplicateReports = reports.length;
    normalised.outcome = 'duplicate';
    return;
  }
  const kept: Report[] = [];
  for (let index = 0; index < reports.length; index += 1) {
    const report = reports[index] as Report;
    const readings = report.readings.length;
    const verdict = window.admit(report, times[index], message.receivedAt);
    if (verdict === 'new' || verdict === 'partial') {
      normalised.duplicateReadings += readings - report.readings.length;
      kept.push(report);
      continue;
    }
    normalised.duplicateReports += 1;
    if (verdict === 'conflict') {
      normalised.reason = 'identity_conflict';
      normalised.detail = conflict(report);
    }
  }
  if (digest) window.rememberPayload(digest.readUInt32LE(0), digest.readUInt32LE(4));
  normalised.reports = kept;
  if (kept.length === 0) normalised.outcome = 'duplicate';
}

function conflict(report: Report): string {
  const seq = report.seq === undefined ? 'no seq' : `seq ${report.seq}`;
  return `time ${new Date(report.observedAt).toISOString()} with ${seq} was reported before with other values. Send a seq that grows, or a higher revision to correct.`;
}
