import { parseTimeText } from '../../time/device-time.js';
import type { Zone } from '../../time/zone.js';
import { type DecodedReport, type DecodeResult, StatedValue, type Warning } from '../decoder.js';
import type { CodecAnswer } from './codec-answer.js';
import { type CompiledMapping, mapFields } from './field-mapping.js';

/** How a codec's answers become reports. */
export interface AnswerReading {
  mapping: readonly CompiledMapping[];
  zone: Zone;
  /** True where the metric is an object by its thing model (`position`), so that it is not taken apart. */
  isObject: (metric: string) => boolean;
}

const maxNormalized = 1_000;
const maxDepth = 8;

/**
 * The reports in a codec's answer. What `normalizeUplink` returns (TTN's normalised payload) maps by itself, since metric
 * names are its paths; the product's mapping adds to it and wins over it. With neither, decoded fields are taken as
 * metrics under their own names. Only errors of the codec refuse the frame; its warnings are passed on.
 */
export function readReports(answer: CodecAnswer, reading: AnswerReading): DecodeResult {
  const { logs } = answer;
  if (answer.kind === 'failed') {
    const { reason, detail, position } = answer;
    return { kind: 'refused', reason, detail, logs, ...(position && { position }) };
  }
  if (answer.errors.length > 0) {
    return {
      kind: 'refused',
      reason: 'codec_error',
      detail: `The codec refused the frame: ${answer.errors.join('; ')}`,
      logs,
    };
  }
  const warnings: Warning[] = answer.warnings.map((detail) => ({ kind: 'codec_warning', detail }));
  const reports = measurements(answer.normalized, warnings).map((one) =>
    toReport(flatten(one, reading), reading, warnings),
  );
  const mapped = mapFields(answer.data, reading.mapping, warnings);
  if (reports.length === 1 && reports[0]) {
    const report = toReport({ ...reports[0].values, ...mapped }, reading, warnings);
    reports[0] = { ...report, time: report.time ?? reports[0].time };
  } else if (Object.keys(mapped).length > 0) reports.push(toReport(mapped, reading, warnings));
  else if (reports.length === 0 && reading.mapping.length === 0) {
    reports.push(toReport(flatten(answer.data, reading), reading, warnings));
  }
  return {
    kind: 'decoded',
    reports: reports.filter((report) => Object.keys(report.values).length > 0),
    warnings,
    logs,
  };
}

/** The measurements in what `normalizeUplink` returned: `{data: object | array, warnings, errors}`. */
function measurements(normalized: unknown, warnings: Warning[]): unknown[] {
  if (typeof normalized !== 'object' || normalized === null) return [];
  const { data, errors, warnings: said } = normalized as { data?: unknown; errors?: unknown; warnings?: unknown };
  for (const one of Array.isArray(said) ? said.slice(0, 20) : []) {
    warnings.push({ kind: 'codec_warning', detail: String(one).slice(0, 500) });
  }
  if (Array.isArray(errors) && errors.length > 0) {
    warnings.push({
      kind: 'codec_normalize_error',
      detail: `normalizeUplink: ${errors.slice(0, 20).map(String).join('; ').slice(0, 500)}`,
    });
    return [];
  }
  if (Array.isArray(data)) {
    if (data.length > maxNormalized) {
      warnings.push({
        kind: 'codec_normalize_error',
        detail: `normalizeUplink gave ${data.length} measurements; the first ${maxNormalized} are read.`,
      });
    }
    return data.slice(0, maxNormalized);
  }
  return data === undefined || data === null ? [] : [data];
}

/** Nested objects as dotted metrics; an object that is a value of its own stays one. */
function flatten(data: unknown, reading: AnswerReading): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const walk = (value: unknown, name: string, depth: number) => {
    if (value === null || value === undefined) return;
    const isLeaf = typeof value !== 'object' || depth > maxDepth || reading.isObject(name) || isMeasured(value);
    // Lists have no place in a metric; the frame itself keeps them.
    if (Array.isArray(value)) return;
    if (isLeaf && name !== '') values[name] = value;
    else for (const [key, inner] of Object.entries(value)) walk(inner, name === '' ? key : `${name}.${key}`, depth + 1);
  };
  if (typeof data === 'object') walk(data, '', 0);
  return values;
}

function isMeasured(value: object): boolean {
  return 'value' in value && 'unit' in value && typeof value.unit === 'string';
}

/** `time` and `seq` among the values are the report's own. */
function toReport(values: Record<string, unknown>, reading: AnswerReading, warnings: Warning[]): DecodedReport {
  const { time, seq, ...metrics } = values;
  const plainSeq = seq instanceof StatedValue ? seq.value : seq;
  return {
    time: readTime(time instanceof StatedValue ? time.value : time, reading.zone, warnings),
    seq: Number.isSafeInteger(plainSeq) ? (plainSeq as number) : undefined,
    revision: 0,
    values: metrics,
  };
}

function readTime(time: unknown, zone: Zone, warnings: Warning[]): number | undefined {
  if (time === undefined || time === null) return undefined;
  if (typeof time === 'number') return Math.floor(time);
  const parsed = typeof time === 'string' ? parseTimeText(time, zone) : undefined;
  if (parsed === undefined) {
    warnings.push({
      kind: 'time_invalid',
      detail: `The codec's time ${JSON.stringify(time)?.slice(0, 80)} is neither RFC 3339 nor epoch milliseconds; the time of receipt is used.`,
    });
  }
  return parsed;
}
