import { isUtf8 } from 'node:buffer';
import { parseTimeText } from '../../time/device-time.js';
import type { Zone } from '../../time/zone.js';
import {
  type DecodedReport,
  type DecodeResult,
  type Decoder,
  type Frame,
  noWarnings,
  type Refused,
  refused,
} from '../decoder.js';

/** Bounds of one canonical JSON message. */
export interface JsonLimits {
  maxReports: number;
}

const maxRevision = 0xff_ffff;
const noValues: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * Canonical JSON: `{"time"?, "seq"?, "revision"?, "values": {...}}`, or an array of these, accepted or refused as a whole.
 * `time` is RFC 3339 or epoch milliseconds. The hot path of the platform: no closures and no copies of the values.
 */
export class CanonicalJsonDecoder implements Decoder {
  readonly name = 'json@1';

  constructor(
    private readonly zone: Zone,
    private readonly limits: JsonLimits,
  ) {}

  decode(frames: readonly Frame[]): DecodeResult[] {
    const results: DecodeResult[] = [];
    for (const frame of frames) results.push(this.decodeOne(frame.payload, false));
    return results;
  }

  /** Decodes one payload. An event may say no more than its name: its payload and its `values` may be empty. */
  decodeOne(payload: Uint8Array, isEvent: boolean): DecodeResult {
    if (payload.byteLength === 0) {
      if (!isEvent) return refused('payload_empty', 'The message has no bytes. Send {"values": {...}}.');
      return { kind: 'decoded', reports: [emptyReport], warnings: noWarnings };
    }
    if (!isUtf8(payload)) return refused('not_utf8', 'The message is not UTF-8 text. Encode the JSON as UTF-8.');
    let document: unknown;
    try {
      document = JSON.parse(textOf(payload));
    } catch (error) {
      return notJson(payload, error as Error);
    }
    if (!Array.isArray(document)) {
      const report = this.readReport(document, '', isEvent);
      return 'kind' in report ? report : { kind: 'decoded', reports: [report], warnings: noWarnings };
    }
    return this.readArray(document, isEvent);
  }

  private readArray(documents: unknown[], isEvent: boolean): DecodeResult {
    if (documents.length === 0) return refused('values_missing', 'The array is empty. Send at least one report.');
    if (documents.length > this.limits.maxReports) {
      return refused(
        'too_many_reports',
        `The array has ${documents.length} reports; at most ${this.limits.maxReports} are read. Send several messages.`,
      );
    }
    const reports: DecodedReport[] = [];
    for (let index = 0; index < documents.length; index += 1) {
      const report = this.readReport(documents[index], `[${index}]`, isEvent);
      if ('kind' in report) return report;
      reports.push(report);
    }
    return { kind: 'decoded', reports, warnings: noWarnings };
  }

  private readReport(document: unknown, at: string, isEvent: boolean): DecodedReport | Refused {
    if (typeof document !== 'object' || document === null || Array.isArray(document)) {
      return refused('json_not_object', `${at || 'The message'} is ${kindOf(document)}. Send {"values": {...}}.`);
    }
    let time: number | undefined;
    let seq: number | undefined;
    let revision = 0;
    let values: unknown;
    const fields = document as Record<string, unknown>;
    for (const name in fields) {
      const value = fields[name];
      if (name === 'values') values = value;
      else if (name === 'time') {
        if (value === null) continue;
        time =
          typeof value === 'string'
            ? parseTimeText(value, this.zone)
            : typeof value === 'number'
              ? Math.floor(value)
              : undefined;
        if (time === undefined) return timeInvalid(at, value);
      } else if (name === 'seq') {
        if (value === null) continue;
        if (!Number.isSafeInteger(value))
          return notWhole(at, name, value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
        seq = value as number;
      } else if (name === 'revision') {
        if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > maxRevision) {
          return notWhole(at, name, value, 0, maxRevision);
        }
        revision = value as number;
      } else return fieldUnknown(at, name);
    }
    if (values === undefined && isEvent) values = noValues;
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      return refused(
        values === undefined ? 'values_missing' : 'values_invalid',
        `${path(at, 'values')} is ${kindOf(values)}. Set it to an object of metrics, such as {"battery": 3.6}.`,
      );
    }
    if (!isEvent && isEmpty(values)) {
      return refused(
        'values_empty',
        `${path(at, 'values')} has no metric. Send at least one, or nothing: a heartbeat needs no message.`,
      );
    }
    return { time, seq, revision, values: values as Record<string, unknown> };
  }
}

const emptyReport: DecodedReport = { time: undefined, seq: undefined, revision: 0, values: noValues };

function isEmpty(values: object): boolean {
  for (const _name in values) return false;
  return true;
}

function textOf(payload: Uint8Array): string {
  const buffer = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const text = buffer.toString('utf8');
  // Some runtimes put a byte order mark before JSON, which RFC 8259 lets a reader ignore.
  return text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
}

function notJson(payload: Uint8Array, error: Error): Refused {
  const bare = /[:[,]\s*(-?(?:NaN|Infinity)|nan|inf)\b/.exec(textOf(payload).slice(0, 65_536));
  if (bare) {
    return refused(
      'json_invalid',
      `The message holds ${bare[1]}, which JSON does not have. Leave the metric out instead.`,
    );
  }
  const position = /position (\d+)/.exec(error.message)?.[1];
  const where = position === undefined ? 'it ends too early' : `the mistake shows at character ${Number(position) + 1}`;
  return refused('json_invalid', `The message is not JSON: ${where}.`);
}

function fieldUnknown(at: string, name: string): Refused {
  if (name === '__proto__' || name === 'constructor') {
    return refused('key_forbidden', `${path(at, name)} is not allowed as a name. Remove it.`);
  }
  return refused(
    'field_unknown',
    `${path(at, name.slice(0, 64))} is not a field of a report (time, seq, revision, values). Measurements go inside "values".`,
  );
}

function timeInvalid(at: string, value: unknown): Refused {
  return refused(
    'time_invalid',
    `${path(at, 'time')} is ${shown(value)}. Send RFC 3339 such as "2026-11-22T08:30:00+08:00", or epoch milliseconds.`,
  );
}

function notWhole(at: string, name: string, value: unknown, min: number, max: number): Refused {
  return refused(`${name}_invalid`, `${path(at, name)} is ${shown(value)}. Send a whole number from ${min} to ${max}.`);
}

function path(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value).slice(0, 80) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
