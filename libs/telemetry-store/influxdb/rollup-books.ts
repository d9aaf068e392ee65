import type { Day, DayCalendar } from '../day-calendar.js';
import type { RollupCoverage } from '../series-plan.js';
import type { StoredKept } from '../stored-part.js';
import type { TimeOfResolution, TimeRange } from '../telemetry-store.port.js';
import { anyOf, slices, within } from './conditions.js';
import type { InfluxConnection, Row } from './influx-connection.js';
import { markedAt } from './late-marks.js';
import type { PointWriter } from './point-writer.js';
import { measurements, nanoseconds } from './schema.js';
import { tagText, textOfTag } from './tag-text.js';

const dayMs = 86_400_000;
/** What a day is rolled up to that nothing came late for. */
const onTime = 'on time';
/** Nothing has been deleted. */
const ever: TimeOfResolution = {
  reading: Number.MIN_SAFE_INTEGER,
  hour: Number.MIN_SAFE_INTEGER,
  day: Number.MIN_SAFE_INTEGER,
};
const devicesPerWrite = 1_000;
const daysPerWrite = 1_000;

/** A day that holds something, or did, and how it stands with its roll-ups. */
export interface BookedDay extends Day {
  /** The mark that all of the day was rolled up to. */
  rolled: string | undefined;
  /** The last mark of all of the day. */
  stale: string;
  /** The last mark that devices of the day are marked apart. */
  late: string | undefined;
  /** The last of these that was dealt with. */
  settled: string | undefined;
}

/** The store's books about roll-ups: which days are rolled up and hold, what came late since, and what is kept. */
export class RollupBooks {
  constructor(
    private readonly connection: InfluxConnection,
    private readonly writer: PointWriter,
    private readonly calendar: DayCalendar,
  ) {}

  /** The days of a range whose roll-ups hold but for devices that are marked apart, and from when on what is kept. */
  async coverage({ from, to }: TimeRange): Promise<RollupCoverage> {
    const [booked, keptFrom] = await Promise.all([this.booked({ from: from - 2 * dayMs, to }), this.kept()]);
    const gone = Math.min(keptFrom.hour, keptFrom.day);
    const days = [...booked.values()].filter(
      (day) =>
        day.to > Math.max(from, gone) && day.rolled !== undefined && (day.to <= keptFrom.reading || holdsRollups(day)),
    );
    return { days: days.sort((a, b) => a.from - b.from), keptFrom };
  }

  /** Days from `from` on that hold readings or frames and end before `to`, with how they stand; newest first. */
  async daysThatHold({ from, to }: TimeRange): Promise<BookedDay[]> {
    const [marked, booked] = await Promise.all([
      this.connection.ask(`SELECT "marked" FROM ${measurements.days} WHERE ${within({ from, to })}`),
      this.booked({ from, to }),
    ]);
    const held = marked.flatMap(({ values }) => values.map(([at]) => this.calendar.dayOf(Number(at))));
    return held
      .map((day) => booked.get(day.from) ?? bookedDay(day, []))
      .filter((day) => day.to <= to)
      .sort((a, b) => b.from - a.from);
  }

  /** Devices of a day with readings that came late and are not in its roll-ups, with their marks. */
  async unsettledOf(day: Day): Promise<Map<string, string>> {
    const unsettled = new Map<string, string>();
    const statement = `SELECT "mark", "done" FROM ${measurements.late} WHERE ${within({ from: day.from, to: day.from + 1 })} GROUP BY "device"`;
    for await (const { tags, values } of this.connection.stream(statement)) {
      for (const [, mark, done] of values) {
        if (mark !== done) unsettled.set(textOfTag(tags?.device ?? ''), String(mark));
      }
    }
    return unsettled;
  }

  /** Which of the devices have readings in a range that came late and are not in its roll-ups, and of which days. */
  async unsettledDays(deviceKeys: readonly string[], range: TimeRange): Promise<Map<string, number[]>> {
    const found = new Map<string, number[]>();
    const statement = `SELECT "mark", "done" FROM ${measurements.late} WHERE ${anyOf('device', deviceKeys)} AND ${within(range)} GROUP BY "device"`;
    for (const { tags, values } of await this.connection.ask(statement)) {
      const days = values.flatMap(([at, mark, done]) => (mark === done ? [] : [Number(at)]));
      const device = textOfTag(tags?.device ?? '');
      if (days.length > 0) found.set(device, [...(found.get(device) ?? []), ...days]);
    }
    return found;
  }

  /** Says that all of a day is rolled up to what was known of it. */
  async setRolled(day: BookedDay): Promise<void> {
    await this.write([`${measurements.rolledDays} rolled="${day.stale}" ${nanoseconds(day.from)}`]);
  }

  /** Says that devices of a day are rolled up to these marks, and then that the day's mark has been dealt with. */
  async settle(day: BookedDay, devices: ReadonlyMap<string, string>): Promise<void> {
    for (const slice of slices([...devices], devicesPerWrite)) {
      await this.write(
        slice.map(
          ([device, mark]) => `${measurements.late},device=${tagText(device)} done="${mark}" ${nanoseconds(day.from)}`,
        ),
      );
    }
    if (day.late !== undefined) {
      await this.write([`${measurements.rolledDays} settled="${day.late}" ${nanoseconds(day.from)}`]);
    }
  }

  /** From when on what is kept. */
  async kept(): Promise<TimeOfResolution> {
    const [series] = await this.connection.ask(`SELECT "reading", "hour", "day" FROM ${measurements.kept}`);
    const [, reading, hour, day] = series?.values[0] ?? [];
    const since = (value: Row[number] | undefined) => (typeof value === 'number' ? value : Number.MIN_SAFE_INTEGER);
    return series ? { reading: since(reading), hour: since(hour), day: since(day) } : ever;
  }

  /** From when on what is kept, and the days of which only roll-ups tell; undefined where nothing has been deleted. */
  async gone(): Promise<StoredKept | undefined> {
    const kept = await this.kept();
    if (Math.max(kept.reading, kept.hour, kept.day) <= 0) return undefined;
    const booked = await this.booked({ from: 0, to: Math.max(kept.reading, 0) });
    const rolled = [...booked.values()].filter((day) => day.rolled !== undefined && day.to <= kept.reading);
    return { ...kept, days: rolled.map(({ from }) => from).sort((a, b) => a - b) };
  }

  /** Enters what `gone` said of the store that a backup was made of. */
  async enterGone({ days, ...kept }: StoredKept): Promise<void> {
    for (const slice of slices([...days], daysPerWrite)) {
      await this.write(slice.map((from) => `${measurements.rolledDays} rolled="${onTime}" ${nanoseconds(from)}`));
    }
    await this.keep(kept);
  }

  /** Says from when on what is kept; before it goes. */
  async keep({ reading, hour, day }: TimeOfResolution): Promise<void> {
    await this.write([`${measurements.kept} reading=${reading},hour=${hour},day=${day} ${nanoseconds(0)}`]);
  }

  private async booked(range: TimeRange): Promise<Map<number, BookedDay>> {
    const statement = `SELECT "rolled", "stale", "late", "settled" FROM ${measurements.rolledDays} WHERE ${within(range)}`;
    const days = new Map<number, BookedDay>();
    for (const { values } of await this.connection.ask(statement)) {
      for (const [at, ...marks] of values) {
        const day = this.calendar.dayOf(Number(at));
        // Of another time zone, before PLATFORM_TIME_ZONE was changed.
        if (day.from === Number(at)) days.set(day.from, bookedDay(day, marks));
      }
    }
    return days;
  }

  private async write(lines: readonly string[]): Promise<void> {
    const [refused] = await this.writer.write(lines.map((line) => ({ line })));
    if (refused) throw new Error(`InfluxDB refuses what the store keeps about roll-ups: ${refused.detail}`);
  }
}

/** True where all of a day is rolled up as it is now, but for devices that are marked apart. */
export function holdsRollups({ rolled, stale }: BookedDay): boolean {
  return rolled === stale;
}

/** True where devices are marked apart that are not in the day's roll-ups. */
export function hasUnsettled({ late, settled }: BookedDay): boolean {
  return late !== settled;
}

/** When all of the day was last marked, epoch milliseconds; long ago where it never was. */
export function staleSince({ stale }: BookedDay): number {
  return stale === onTime ? Number.MIN_SAFE_INTEGER : markedAt(stale);
}

function bookedDay(day: Day, [rolled, stale, late, settled]: Row): BookedDay {
  const text = (value: Row[number] | undefined) => (typeof value === 'string' ? value : undefined);
  return { ...day, rolled: text(rolled), stale: text(stale) ?? onTime, late: text(late), settled: text(settled) };
}
