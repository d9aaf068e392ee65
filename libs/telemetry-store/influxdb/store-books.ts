import type { Lane } from '#libs/contracts';
import type { Metrics } from '#libs/runtime';
import type { Day, DayCalendar } from '../day-calendar.js';
import type { InfluxConnection } from './influx-connection.js';
import type { PointWriter } from './point-writer.js';
import type { MessageLines } from './reading-lines.js';
import { measurements, nanoseconds, positionTime, sourceKey } from './schema.js';
import type { SeriesAdmission } from './series-admission.js';

/** A mark is made again after this long: another process may have deleted the day meanwhile. */
const markAgainMs = 3_600_000;
const learnAgainMs = 300_000;
const rememberedDays = 10_000;

/** How far a (lane, partition) is stored. */
export interface ReachedPosition {
  lane: Lane;
  partition: number;
  position: number;
}

/** What the store writes about itself beside readings and frames: positions reached, days that hold something, series admitted. */
export class StoreBooks {
  private readonly markedAt = new Map<string, number>();
  private readonly overflowing;
  private known: Map<string, number> | undefined;
  private learnedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly writer: PointWriter,
    readonly admission: SeriesAdmission,
    private readonly calendar: DayCalendar,
    metrics: Metrics,
  ) {
    this.overflowing = metrics.counter(
      'telemetry_store_overflow_total',
      "Readings of metrics beyond their device's share of series, kept in one that the device's others share.",
    );
  }

  /** The positions reached as this process knows them: those of other processes may be higher, which costs a write again. */
  async reached(): Promise<ReadonlyMap<string, number>> {
    this.known ??= new Map((await this.positions()).map((p) => [sourceKey(p.lane, p.partition), p.position]));
    return this.known;
  }

  /** The highest position stored of each (lane, partition), by any process. */
  async positions(): Promise<ReachedPosition[]> {
    const statement = `SELECT max("position") FROM ${measurements.positions} GROUP BY "lane", "partition"`;
    const series = await this.connection.ask(statement);
    return series.flatMap(({ tags, values }) => ({
      lane: tags?.lane as Lane,
      partition: Number(tags?.partition),
      position: Number(values[0]?.[1]),
    }));
  }

  /** Learns every few minutes which series other processes have admitted. */
  async learn(now: number): Promise<void> {
    if (now - this.learnedAt < learnAgainMs) return;
    await this.admission.load();
    this.learnedAt = now;
  }

  /** Enters what the lines, which are stored, bring. The positions come last: they say that all before is there. */
  async enter(moved: readonly ReachedPosition[], lines: MessageLines, now: number): Promise<void> {
    const days = this.daysToMark(lines, now);
    const admissions = this.admission.pending(now);
    const marks = [...days.values()].map(({ from }) => ({
      line: `${measurements.days} marked=${now} ${nanoseconds(from)}`,
    }));
    await this.write([...marks, ...admissions.lines]);
    const highest = [...new Map(moved.map((one) => [sourceKey(one.lane, one.partition), one])).values()];
    await this.write(
      highest.map(({ lane, partition, position }) => ({
        line: `${measurements.positions},lane=${lane},partition=${partition} position=${position} ${positionTime(position)}`,
      })),
    );
    admissions.saved();
    if (this.markedAt.size + days.size > rememberedDays) this.markedAt.clear();
    for (const name of days.keys()) this.markedAt.set(name, now);
    const known = this.known ?? new Map<string, number>();
    for (const { lane, partition, position } of moved) {
      const source = sourceKey(lane, partition);
      known.set(source, Math.max(known.get(source) ?? 0, position));
    }
    this.overflowing.inc(lines.overflowing);
  }

  /** Forgets what it knows, of a store that has been emptied. */
  clear(): void {
    this.known = undefined;
    this.markedAt.clear();
    this.admission.clear();
  }

  /** Local days that the lines bring something to and that are not marked. */
  private daysToMark(lines: MessageLines, now: number): Map<string, Day> {
    const days = new Map<string, Day>();
    for (const { message, report } of lines.points) {
      const day = this.calendar.dayOf(report?.observedAt ?? message.receivedAt);
      if (now - (this.markedAt.get(day.name) ?? Number.NEGATIVE_INFINITY) >= markAgainMs) days.set(day.name, day);
    }
    return days;
  }

  private async write(lines: readonly { line: string }[]): Promise<void> {
    const [refused] = await this.writer.write(lines);
    if (refused) throw new Error(`InfluxDB refuses what the store keeps about itself: ${refused.detail}`);
  }
}
