import { unjudgeable } from '#libs/contracts';
import type { Day } from '../day-calendar.js';
import { hourMs } from '../series-plan.js';
import { anyOf, correction, numeric, original, within } from './conditions.js';
import type { InfluxConnection } from './influx-connection.js';
import type { PointWriter } from './point-writer.js';
import { windows } from './range-query.js';
import { numericValue } from './reading-rows.js';
import { countOf, hourOf, joined, numberOf, type Rollup, rollupOf } from './rollup.js';
import { measurements, nanoseconds } from './schema.js';
import { tagText, textOfTag } from './tag-text.js';

/** A question of the roll-ups' own is in nobody's way for long, and answers nobody who waits. */
const questionTimeoutMs = 60_000;
const rowsPerWindow = 10_000;
const devicesPerPart = 50_000;
const withoutNumber = anyOf('kind', ['text', 'object']);

/** Roll-ups of a day by device, metric and hour; the hours of a metric in order of time. */
type DayRollups = Map<string, Map<string, Map<number, Rollup>>>;

/** Makes roll-ups of some devices' day from their readings, and writes them over what there was: again changes nothing. */
export class RollupMaker {
  constructor(
    private readonly connection: InfluxConnection,
    private readonly writer: PointWriter,
  ) {}

  /** Devices that have, or had, any reading; in parts. While it runs, nothing may be deleted. */
  async *devices(): AsyncGenerator<string[]> {
    const statement = `SHOW TAG VALUES FROM ${measurements.readings} WITH KEY = "device" LIMIT ${devicesPerPart}`;
    for (let offset = 0; ; offset += devicesPerPart) {
      const part: string[] = [];
      for await (const { values } of this.ask(`${statement} OFFSET ${offset}`)) {
        for (const [, device] of values) part.push(textOfTag(String(device)));
      }
      if (part.length > 0) yield part;
      if (part.length < devicesPerPart) return;
    }
  }

  /** Rolls up a day of some devices, as many as one statement may name. */
  async rollUp(day: Day, devices: readonly string[]): Promise<void> {
    const where = `${anyOf('device', devices)} AND ${within(day)}`;
    const made: DayRollups = new Map();
    const corrected = await this.correctedDevices(where);
    await this.addNumbers(day, where, corrected, made);
    await this.addCounts(day, where, corrected, made);
    for (const device of corrected) await this.addCorrected(day, device, made);
    const lines = [...linesOf(day, made), ...(await this.emptied(where, made))];
    const [refused] = await this.writer.write(lines);
    if (refused) throw new Error(`InfluxDB refuses a roll-up: ${refused.detail}`);
  }

  /** Devices of which a correction hides readings. */
  private async correctedDevices(where: string): Promise<Set<string>> {
    const statement = `SELECT count("about") FROM ${measurements.readings} WHERE ${where} AND ${correction} GROUP BY "device"`;
    const found = new Set<string>();
    for await (const { tags } of this.ask(statement)) found.add(textOfTag(tags?.device ?? ''));
    return found;
  }

  private async addNumbers(day: Day, where: string, without: ReadonlySet<string>, made: DayRollups): Promise<void> {
    const statement = `SELECT "value" FROM ${measurements.readings} WHERE ${where} AND ${numeric} AND ${original} GROUP BY "device", "metric"`;
    for await (const { tags, values } of this.ask(statement)) {
      const device = textOfTag(tags?.device ?? '');
      if (without.has(device)) continue;
      const hours = hoursOf(made, device, textOfTag(tags?.metric ?? ''));
      for (const [at, value] of values) addTo(hours, hourOf(Number(at), day), numberOf(Number(at), Number(value)));
    }
  }

  /** Texts and objects are only counted: by InfluxDB. */
  private async addCounts(day: Day, where: string, without: ReadonlySet<string>, made: DayRollups): Promise<void> {
    const steps = `time(${hourMs}ms, ${day.from % hourMs}ms)`;
    const statement = `SELECT count("about") FROM ${measurements.readings} WHERE ${where} AND ${withoutNumber} AND ${original} GROUP BY ${steps}, "device", "metric" fill(none)`;
    for await (const { tags, values } of this.ask(statement)) {
      const device = textOfTag(tags?.device ?? '');
      if (without.has(device)) continue;
      const hours = hoursOf(made, device, textOfTag(tags?.metric ?? ''));
      for (const [at, readings] of values) {
        addTo(hours, hourOf(Number(at), day), countOf(Number(at), Number(readings)));
      }
    }
  }

  private async addCorrected(day: Day, deviceKey: string, made: DayRollups): Promise<void> {
    const question = { deviceKey, range: day, ownSeriesOnly: true };
    for await (const readings of windows(question, rowsPerWindow, this.connection)) {
      for (const reading of readings) {
        // Doubts are weighed after revisions: a correction that is out of range hides what it corrects all the same.
        if ((reading.quality & unjudgeable) !== 0) continue;
        const hours = hoursOf(made, deviceKey, reading.metric);
        addTo(hours, hourOf(reading.observedAt, day), rollupOf(reading.observedAt, numericValue(reading)));
      }
    }
  }

  /** Lines that empty roll-ups of which no reading is left: the last was corrected into one that does not count. */
  private async emptied(where: string, made: DayRollups): Promise<{ line: string }[]> {
    const lines: { line: string }[] = [];
    for (const measurement of [measurements.rollupHours, measurements.rollupDays]) {
      const statement = `SELECT "readings" FROM ${measurement} WHERE ${where} GROUP BY "device", "metric"`;
      for await (const { tags, values } of this.ask(statement)) {
        const [device, metric] = [textOfTag(tags?.device ?? ''), textOfTag(tags?.metric ?? '')];
        const hours = made.get(device)?.get(metric);
        for (const [at] of values) {
          const still = measurement === measurements.rollupDays ? hours : hours?.get(Number(at));
          if (!still) lines.push({ line: lineOf(measurement, device, metric, countOf(Number(at), 0)) });
        }
      }
    }
    return lines;
  }

  private ask(statement: string): ReturnType<InfluxConnection['stream']> {
    return this.connection.stream(statement, questionTimeoutMs);
  }
}

function* linesOf(day: Day, made: DayRollups): Generator<{ line: string }> {
  for (const [device, metrics] of made) {
    for (const [metric, hours] of metrics) {
      let whole: Rollup | undefined;
      for (const [at, rollup] of [...hours].sort(([a], [b]) => a - b)) {
        yield { line: lineOf(measurements.rollupHours, device, metric, { ...rollup, at }) };
        whole = joined(whole, rollup);
      }
      if (whole) yield { line: lineOf(measurements.rollupDays, device, metric, { ...whole, at: day.from }) };
    }
  }
}

/** A roll-up as a point of the measurement. */
export function lineOf(measurement: string, device: string, metric: string, rollup: Rollup): string {
  const { at, readings, numbers, total, least, greatest, opening, closing, growth } = rollup;
  const value = `,total=${total},least=${least},greatest=${greatest},opening=${opening},closing=${closing},growth=${growth}`;
  const fields = `readings=${readings},numbers=${numbers}${numbers > 0 ? value : ''}`;
  return `${measurement},device=${tagText(device)},metric=${tagText(metric)} ${fields} ${nanoseconds(at)}`;
}

function hoursOf(made: DayRollups, device: string, metric: string): Map<number, Rollup> {
  const metrics = made.get(device) ?? new Map<string, Map<number, Rollup>>();
  made.set(device, metrics);
  const hours = metrics.get(metric) ?? new Map<number, Rollup>();
  metrics.set(metric, hours);
  return hours;
}

function addTo(hours: Map<number, Rollup>, hour: number, rollup: Rollup): void {
  hours.set(hour, joined(hours.get(hour), rollup));
}
