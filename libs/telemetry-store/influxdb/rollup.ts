import { hourMs } from '../series-plan.js';
import type { StoredRollup } from '../stored-part.js';
import type { TimeRange } from '../telemetry-store.port.js';

/** What series need to know of readings of one device's metric that follow each other, or of a single one. */
export type Rollup = Omit<StoredRollup, 'resolution' | 'deviceKey' | 'metric'>;

/** The roll-up of a single reading; `value` is undefined for a text or an object, which is counted only. */
export function rollupOf(at: number, value: number | undefined): Rollup {
  return value === undefined ? countOf(at, 1) : numberOf(at, value);
}

/** The roll-up of so many readings without a number. */
export function countOf(at: number, readings: number): Rollup {
  return { at, readings, numbers: 0, total: 0, least: 0, greatest: 0, opening: 0, closing: 0, growth: 0 };
}

/** A number that stands for so many. */
export function numberOf(at: number, value: number, numbers = 1): Rollup {
  return {
    at,
    readings: numbers,
    numbers,
    total: value,
    least: value,
    greatest: value,
    opening: value,
    closing: value,
    growth: 0,
  };
}

/** Two that follow each other as one; undefined stands for none. */
export function joined(earlier: Rollup | undefined, later: Rollup): Rollup {
  if (!earlier) return later;
  const readings = earlier.readings + later.readings;
  if (later.numbers === 0) return { ...earlier, readings };
  if (earlier.numbers === 0) return { ...later, at: earlier.at, readings };
  return {
    at: earlier.at,
    readings,
    numbers: earlier.numbers + later.numbers,
    total: finite(earlier.total + later.total),
    least: Math.min(earlier.least, later.least),
    greatest: Math.max(earlier.greatest, later.greatest),
    opening: earlier.opening,
    closing: later.closing,
    growth: finite(earlier.growth + growthFrom(earlier.closing, later.opening) + later.growth),
  };
}

/** A fall below half of the value before means that the counter began again from 0; a smaller one counts as it is. */
export function growthFrom(before: number, value: number): number {
  return finite(value < before / 2 ? value : value - before);
}

/** The beginning of the hour of a local day that a time lies in: hours begin with the day. */
export function hourOf(at: number, day: TimeRange): number {
  return day.from + Math.floor((at - day.from) / hourMs) * hourMs;
}

/** A roll-up of another engine, as InfluxDB can hold it. */
export function storableRollup(rollup: Rollup): Rollup {
  const stored = { ...rollup };
  for (const name of Object.keys(stored) as (keyof Rollup)[]) stored[name] = finite(stored[name]);
  return stored;
}

/** InfluxDB holds no other numbers. */
function finite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}
