const hourMs = 3_600_000;
const rememberedHours = 4_096;

/**
 * Local wall-clock time of one IANA zone to epoch milliseconds. Offsets are remembered per hour, because asking `Intl`
 * costs microseconds and frames come thousands a second.
 */
export class Zone {
  private readonly offsets = new Map<number, number>();
  private readonly format: Intl.DateTimeFormat;

  /** Throws `RangeError` where the runtime does not know the zone. */
  constructor(readonly name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /**
   * Epoch milliseconds of a local time given as if it were UTC. An hour that a clock change repeats is read as its
   * first, one that it skips as if the clock had not been changed yet.
   */
  toEpoch(localAsUtc: number): number {
    const before = localAsUtc - this.offsetAt(localAsUtc - 24 * hourMs);
    if (this.offsetAt(before) === localAsUtc - before) return before;
    const after = localAsUtc - this.offsetAt(localAsUtc + 24 * hourMs);
    return this.offsetAt(after) === localAsUtc - after ? after : before;
  }

  private offsetAt(epochMs: number): number {
    // Every zone changes its clock at a multiple of 15 minutes; half hours are fine enough for all zones in use.
    const slot = Math.floor(epochMs / (hourMs / 2));
    const known = this.offsets.get(slot);
    if (known !== undefined) return known;
    if (this.offsets.size >= rememberedHours) this.offsets.clear();
    const offset = this.ask(slot * (hourMs / 2));
    this.offsets.set(slot, offset);
    return offset;
  }

  private ask(epochMs: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(epochMs)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - epochMs;
  }
}
