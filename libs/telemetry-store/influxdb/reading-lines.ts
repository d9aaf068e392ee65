import { type NormalisedMessage, qualityFlags, type Reading, type Report, unjudgeable } from '#libs/contracts';
import type { RefusedMessage } from '../telemetry-store.port.js';
import {
  doubtful,
  frameTime,
  highestRevisionTag,
  measurements,
  readingTime,
  storableTime,
  type ValueKind,
} from './schema.js';
import { fieldText, tagText } from './tag-text.js';

/** One line of line protocol, and what of a message is lost where InfluxDB refuses it. */
export interface Point {
  line: string;
  message: NormalisedMessage;
  /** Undefined for the message's frame. */
  report: Report | undefined;
  readings: readonly Reading[];
}

/** Decides whether a metric that no thing model describes may have series of its own. */
export type Admit = (deviceKey: string, metric: string) => boolean;

/** What messages become: points to write, and what InfluxDB could not hold. */
export class MessageLines {
  readonly points: Point[] = [];
  readonly refused: { point: Point; detail: string }[] = [];
  /** Readings that went into a device's shared series. */
  overflowing = 0;

  constructor(
    /** Of what is added next. */
    public storedAt: number,
    private readonly admit: Admit,
  ) {}

  /** Adds the points of a message: its frame, one per reading, and one per report for the metrics beyond the device's share. */
  add(message: NormalisedMessage): void {
    this.addFrame(message);
    this.addReports(message);
  }

  /** Adds the point of a message's frame. */
  addFrame(message: NormalisedMessage): void {
    const line = frameLine(message, tagText(message.deviceKey), this.storedAt);
    this.points.push({ line, message, report: undefined, readings: [] });
  }

  /** Adds the points of a message's reports. */
  addReports(message: NormalisedMessage): void {
    const device = tagText(message.deviceKey);
    for (const report of message.reports) {
      const problem = reportProblem(report);
      if (problem === undefined) this.addReport(message, device, report);
      else this.refused.push({ point: { line: '', message, report, readings: report.readings }, detail: problem });
    }
  }

  private addReport(message: NormalisedMessage, device: string, report: Report): void {
    const time = readingTime(report.observedAt, report.seq, message.messageId);
    const revision = Math.min(report.revision, highestRevisionTag);
    const shared: Reading[] = [];
    for (const reading of report.readings) {
      const { metric, value, quality } = reading;
      if (typeof value === 'number' && !Number.isFinite(value)) {
        const detail = `${metric} is ${value}: only finite numbers can be stored.`;
        this.refused.push({ point: { line: '', message, report, readings: [reading] }, detail });
      } else if ((quality & qualityFlags.unmodelled) !== 0 && !this.admit(message.deviceKey, metric)) {
        shared.push(reading);
      } else {
        const tags = `device=${device},kind=${kindTag(reading)},metric=${tagText(metric)},revision=${revision}`;
        const about = aboutText(message, report, this.storedAt, quality);
        const line = `${measurements.readings},${tags} ${valueField(value)},about="${about}" ${time}`;
        this.points.push({ line, message, report, readings: [reading] });
      }
    }
    if (shared.length === 0) return;
    this.overflowing += shared.length;
    const packed = JSON.stringify(shared.map(({ metric, value, quality }) => [metric, value, quality]));
    const fields = `readings=${fieldText(packed)},about="${aboutText(message, report, this.storedAt, 0)}"`;
    const line = `${measurements.overflow},device=${device},revision=${revision} ${fields} ${time}`;
    this.points.push({ line, message, report, readings: shared });
  }
}

/** What is lost with a point that InfluxDB refused. */
export function refusedMessage({ message, report, readings }: Point, detail: string): RefusedMessage {
  const reports = report ? [{ ...report, readings: [...readings] }] : [];
  return { message: { ...message, reports }, readings: readings.length, detail };
}

/** The tag that says of what type a value is, and whether a rule may judge it. */
export function kindTag({ value, quality }: Reading): string {
  const kind = kindOf(value);
  return (quality & unjudgeable) === 0 ? kind : `${doubtful}${kind}`;
}

function kindOf(value: Reading['value']): ValueKind {
  switch (typeof value) {
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'string':
      return 'text';
    default:
      return 'object';
  }
}

function valueField(value: Reading['value']): string {
  switch (typeof value) {
    case 'number':
      return `value=${value}`;
    case 'boolean':
      return value ? 'value=1' : 'value=0';
    case 'string':
      return `text=${fieldText(value)}`;
    default:
      return `text=${fieldText(JSON.stringify(value ?? null))}`;
  }
}

/** All there is to a reading but its value and its tags, in one field: a field costs InfluxDB more than the bytes in it. */
function aboutText(message: NormalisedMessage, report: Report, storedAt: number, quality: number): string {
  const { seq = '-', deviceTime = '-', revision } = report;
  return `${quality} ${message.receivedAt} ${storedAt} ${message.messageId} ${revision} ${seq} ${deviceTime}`;
}

function frameLine(message: NormalisedMessage, device: string, storedAt: number): string {
  const { messageId, productKey, productVersion, outcome, reason, decoder, frame, receivedAt } = message;
  const about = `${tagText(productKey)} ${productVersion} ${outcome} ${tagText(reason)} ${tagText(decoder)} ${storedAt}`;
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString('base64');
  const fields = `message="${messageId}",about="${about}",bytes="${bytes}"`;
  return `${measurements.frames},device=${device} ${fields} ${frameTime(receivedAt, messageId)}`;
}

function reportProblem({ observedAt, seq }: Report): string | undefined {
  if (!storableTime(observedAt)) return `observedAt ${observedAt} is not a time that InfluxDB can hold.`;
  if (seq !== undefined && !Number.isSafeInteger(seq)) return `seq ${seq} is not a whole number that can be kept.`;
  return undefined;
}
