/** One local day of the platform's time zone, from <= t < to in epoch milliseconds. */
export interface Day {
  /** `20261122` */
  name: string;
  from: number;
  to: number;
}

const quarterMs = 900_000;
const dayMs = 86_400_000;
const rememberedQuarters = 4_096;

/** Tells local days apart. Zones change their offset on quarter hours only, so a quarter lies in one day. */
export class DayCalendar {
  private readonly quarters = new Map<number, Day>();
  private readonly format: Intl.DateTimeFormat;

  constructor(readonly timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US-u-hc-h23', {
      timeZone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The day that `at` (epoch milliseconds) falls on. */
  dayOf(at: number): Day {
    const quarter = Math.floor(at / quarterMs);
    const known = this.quarters.get(quarter);
    if (known) return known;
    const day = this.compute(at);
    if (this.quarters.size >= rememberedQuarters) this.quarters.clear();
    this.quarters.set(quarter, day);
    return day;
  }

  private compute(at: number): Day {
    const localDay = Math.floor((at + this.offset(at)) / dayMs);
    return {
      name: new Date(localDay * dayMs).toISOString().slice(0, 10).replaceAll('-', ''),
      from: this.midnight(localDay),
      to: this.midnight(localDay + 1),
    };
  }

  /**
   * When local day number `localDay` begins. Twice, because the offset at the guess may not be the one at midnight. Where
   * clocks go forward at midnight there is none: the day begins as they do, which west of UTC is the guess.
   */
  private midnight(localDay: number): number {
    const local = localDay * dayMs;
    const guess = local - this.offset(local);
    const at = local - this.offset(guess);
    return at + this.offset(at) < local ? guess : at;
  }

  private offset(at: number): number {
    const parts: Record<string, number> = {};
    for (const part of this.format.formatToParts(at)) parts[part.type] = Number(part.value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  }
}
