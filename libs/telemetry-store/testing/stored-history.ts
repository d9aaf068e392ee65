import { type NormalisedMessage, qualityFlags, type ReadingValue, unjudgeable } from '#libs/contracts';
import type { Aggregation, Bucket, TimeRange } from '../telemetry-store.port.js';
import { dayStart, messageOf } from './messages.js';

/** One reading of one metric, as it was appended. */
interface Appended {
  at: number;
  seq: number | undefined;
  revision: number;
  value: ReadingValue;
  quality: number;
  /** Which of all messages; a correction without a sequence number comes under that of what it corrects. */
  message: number;
}

/** A question for a series of one device. */
export interface SeriesQuestion {
  range: TimeRange;
  stepMs: number;
  originMs: number;
  aggregation: Aggregation;
}

const dayMs = 86_400_000;
const texts = ['open', 'shut'];
const metric = 'total';

/** Random numbers that come again for the same seed: mulberry32. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/**
 * Makes up what a device of bad manners sends (late, again, corrected, doubtful, of changing types), and knows without any
 * store what series of it are.
 */
export class StoredHistory {
  private readonly appended: Appended[] = [];
  private messages = 1_000;

  constructor(
    private readonly deviceKey: string,
    private readonly random: (below: number) => number,
  ) {}

  /** The next message, of a time in the given days after `dayStart`. */
  next(days: { from: number; to: number }): NormalisedMessage {
    const chance = this.random(10);
    const earlier = this.appended[this.random(this.appended.length || 1)];
    const inDays = earlier && earlier.at >= dayStart + days.from * dayMs && earlier.at < dayStart + days.to * dayMs;
    if (inDays && chance === 0) return this.message(earlier);
    if (inDays && chance === 1 && earlier.revision < 6) return this.message(this.keep(this.corrected(earlier)));
    // On a grid of 10 minutes, so that some meet and some are the first and the last of their hours.
    const minutes = this.random((days.to - days.from) * 144) * 10 + days.from * 1_440;
    this.messages += 1;
    return this.message(
      this.keep({
        at: dayStart + minutes * 60_000 + (this.random(4) === 0 ? 599_999 : 0),
        seq: this.random(3) === 0 ? undefined : this.messages,
        revision: 0,
        value: this.value(),
        quality: this.quality(),
        message: this.messages,
      }),
    );
  }

  /** The answer from all that was appended. */
  series({ range, stepMs, originMs, aggregation }: SeriesQuestion): Bucket[] {
    const first = Math.floor((range.from - originMs) / stepMs);
    const count = Math.max(0, Math.ceil((range.to - originMs) / stepMs) - first);
    const lookBack = Math.min(Math.max(2 * stepMs, 2 * dayMs), 32 * dayMs);
    const shown = this.shown().filter(({ at }) => at >= range.from - lookBack && at < range.to);
    const grown = withGrowth(shown);
    return Array.from({ length: count }, (_, index) => {
      const at = originMs + (first + index) * stepMs;
      const inside = grown.filter((one) => one.at >= Math.max(at, range.from) && one.at < at + stepMs);
      return { at, value: aggregate(aggregation, inside) };
    });
  }

  private shown(): Appended[] {
    const best = new Map<string, Appended>();
    for (const one of this.appended) {
      const identity = `${one.at} ${one.seq ?? `message ${one.message}`}`;
      if ((best.get(identity)?.revision ?? -1) < one.revision) best.set(identity, one);
    }
    const seq = (one: Appended) => one.seq ?? -1;
    return [...best.values()]
      .filter(({ quality }) => (quality & unjudgeable) === 0)
      .sort((a, b) => a.at - b.at || seq(a) - seq(b) || a.message - b.message);
  }

  private keep(one: Appended): Appended {
    this.appended.push(one);
    return one;
  }

  private corrected(one: Appended): Appended {
    const same = this.appended.filter((other) => other.at === one.at && other.message === one.message);
    const revision = 1 + Math.max(...same.map((other) => other.revision));
    return { ...one, revision, value: this.random(1_000), quality: this.quality() };
  }

  private message({ at, seq, revision, value, quality, message }: Appended): NormalisedMessage {
    const made = messageOf(
      { deviceKey: this.deviceKey, messageId: `b.0.${message}.0`, receivedAt: at },
      { observedAt: at, seq, revision, values: { [metric]: value } },
    );
    for (const reading of made.reports[0]?.readings ?? []) reading.quality = quality;
    return made;
  }

  /** Quarters add up exactly, in whatever order. */
  private value(): ReadingValue {
    const kind = this.random(12);
    if (kind === 0) return texts[this.random(2)] ?? '';
    return kind === 1 ? this.random(2) === 0 : this.random(4_000) / 4;
  }

  private quality(): number {
    return this.random(8) === 0 ? qualityFlags.out_of_range : 0;
  }
}

interface Grown {
  at: number;
  number: number | undefined;
  growth: number | undefined;
}

function withGrowth(shown: readonly Appended[]): Grown[] {
  let before: number | undefined;
  return shown.map(({ at, value }) => {
    const number = typeof value === 'string' || typeof value === 'object' ? undefined : Number(value);
    if (number === undefined) return { at, number, growth: undefined };
    const growth = before === undefined ? undefined : number < before / 2 ? number : number - before;
    before = number;
    return { at, number, growth };
  });
}

function aggregate(aggregation: Aggregation, inside: readonly Grown[]): number | null {
  const numbers = inside.flatMap(({ number }) => number ?? []);
  const growths = inside.flatMap(({ growth }) => growth ?? []);
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
  switch (aggregation) {
    case 'count':
      return inside.length === 0 ? null : inside.length;
    case 'increase':
      return growths.length === 0 ? null : sum(growths);
    case 'sum':
      return numbers.length === 0 ? null : sum(numbers);
    case 'mean':
      return numbers.length === 0 ? null : sum(numbers) / numbers.length;
    case 'last':
      return numbers.at(-1) ?? null;
    default:
      return numbers.length === 0 ? null : Math[aggregation](...numbers);
  }
}
