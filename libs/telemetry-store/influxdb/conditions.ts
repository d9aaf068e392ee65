import type { TimeRange } from '../telemetry-store.port.js';
import { furthestMs, valueKinds } from './schema.js';
import { tagText } from './tag-text.js';

/** Devices that one statement asks for; more are asked for in several. */
export const devicesPerStatement = 250;

/** One of so many values of a tag. InfluxQL has no IN, and a regular expression would be tried on every value there is. */
export function anyOf(tag: string, values: readonly string[]): string {
  return `(${values.map((value) => `"${tag}" = '${tagText(value)}'`).join(' OR ')})`;
}

/** Half-open, in epoch milliseconds. Beyond the times that InfluxDB can hold it would refuse a bound, or wrap it around. */
export function within({ from, to }: TimeRange): string {
  return `time >= ${holdable(from)}ms AND time < ${holdable(to)}ms`;
}

function holdable(at: number): number {
  return Math.max(-furthestMs, Math.min(at, furthestMs + 1));
}

/** Values that count as numbers and that a rule may judge. */
export const numeric = anyOf('kind', ['number', 'boolean']);
/** Values of any type that a rule may judge. */
export const judgeable = anyOf('kind', valueKinds);
/** Readings that no correction has replaced, where there is none, and corrections. */
export const original = `"revision" = '0'`;
export const correction = `"revision" != '0'`;

/** Slices of a list, none larger than `size`. */
export function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
