import type { Lane } from '#libs/contracts';
import type { Metrics } from '#libs/runtime';
import type { Day, DayCalendar } from '../day-calendar.js';
import type { StoredUpTo } from '../telemetry-store.port.js';
import type { InfluxConnection } from './influx-connection.js';
import { lateMarks } from './late-marks.js';
import type { PointWriter } from './point-writer.js';
import type { MessageLines } from './reading-lines.js';
import { measurements, nanoseconds, positionTime, sourceKey } from './schema.js';
import type { SeriesAdmission } from './series-admission.js';

/** A mark is made again after this long: another process may have deleted the day meanwhile. */
const markAgainMs = 3_600_000;
const learnAgainMs = 300_000;
const rememberedDays = 10_000;

/** The fields of a point of `positions`, in the order in which they are asked for. */
const bookFields = ['position', 'passed', 'messages', 'rejected', 'refused'] as const;

/** What the store writes about itself beside readings and frames: positions reached, days that hold something, series admitted. */
export class StoreBooks {
  private readonly markedAt = new Map<string, number>();
  private readonly overflowing;
  private known: Map<string, StoredUpTo> | undefined;
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

  /**
   * How far each source is stored as this process knows it: others may be further, which costs a write again. Where they
   * must be, because what comes next in a source does not follow on what is known, all is looked up again.
   */
  async reached(next: Iterable<[source: string, messagesBefore: number]>): Promise<ReadonlyMap<string, StoredUpTo>> {
    const follows = ([source, before]: [string, number]) => before <= (this.known?.get(source)?.passed ?? 0);
    if (!this.known || ![...next].every(follows)) {
      this.known = new Map((await this.positions()).map((one) => [sourceKey(one.lane, one.partition), one]));
    }
    return this.known;
  }

  /** How far each (lane, partition) is stored, by any process. None of the numbers ever falls. */
  async positions(): Promise<StoredUpTo[]> {
    const highest = bookFields.map((name) => `max("${name}")`).join(', ');
    const series = await this.connection.ask(
      `SELECT ${highest} FROM ${measurements.positions} GROUP BY "lane", "partition"`,
    );
    return series.map(({ tags, values }) => {
      const row = values[0] ?? [];
      const [, position, passed, messages, rejected, refused] = row.map(Number);
      return {
        lane: tags?.lane as Lane,
        partition: Number(tags?.partition),
        position: position ?? 0,
        passed: passed ?? 0,
        messages: messages ?? 0,
        rejected: rejected ?? 0,
        refused: refused ?? 0,
        ...(typeof row[3] === 'number' ? {} : { uncounted: true as const }),
      };
    });
  }

  /** Learns every few minutes which series other processes have admitted. */
  async learn(now: number): Promise<void> {
    if (now - this.learnedAt < learnAgainMs) return;
    await this.admission.load();
    this.learnedAt = now;
  }

  /** Enters what the lines, which were stored before `now`, bring. The positions come last: they say that all before is there. */
  async enter(moved: readonly StoredUpTo[], lines: MessageLines, now: number): Promise<void> {
    const days = this.daysToMark(lines, now);
    const admissions = this.admission.pending(now);
    const marks = [...days.values()].map(({ from }) => ({
      line: `${measurements.days} marked=${now} ${nanoseconds(from)}`,
    }));
    const late = lateMarks(lines, this.calendar, now);
    await this.write([...marks, ...admissions.lines, ...late.devices]);
    if (late.days.length > 0) await this.write(late.days);
    await this.write(
      moved.map((book) => {
        const known = book.uncounted ? (['position'] as const) : bookFields;
        const fields = known.map((name) => `${name}=${book[name]}`).join(',');
        const series = `${measurements.positions},lane=${book.lane},partition=${book.partition}`;
        return { line: `${series} ${fields} ${positionTime(book.position)}` };
      }),
    );
    admissions.saved();
    if (this.markedAt.size + days.size > rememberedDays) this.markedAt.clear();
    for (const name of days.keys()) this.markedAt.set(name, now);
    for (const book of moved) this.known?.set(sourceKey(book.lane, book.partition), book);
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
