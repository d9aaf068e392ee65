import { numberFormat, relativeFormat, timeFormat } from './formats.js';

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 1_000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
  ['month', 2_629_800_000],
  ['year', 31_557_600_000],
];

/** How long ago or ahead, in words: "3 minutes ago", "3分钟前". Under ten seconds it is now. */
export function relativeTime(at: number, now: number, language: string): string {
  const difference = at - now;
  const format = relativeFormat(language, { numeric: 'auto' });
  if (Math.abs(difference) < 10_000) return format.format(0, 'second');
  const [unit, length] = steps.findLast(([, length]) => Math.abs(difference) >= length) ?? ['second', 1_000];
  return format.format(Math.trunc(difference / length), unit);
}

/** Day and time in the zone of the user, with the zone: "2026/11/27 19:47:03 GMT+8". */
export function exactTime(at: number, language: string, timeZone?: string): string {
  return timeFormat(language, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    timeZone,
  }).format(at);
}

/** Day and time without year and zone, for a column: "11/27 19:47:03". */
export function shortTime(at: number, language: string, timeZone?: string): string {
  return timeFormat(language, {
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone,
  }).format(at);
}

/** A span in its two largest units: "2 h 5 min", "45 s". */
export function spanText(ms: number, language: string): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'day'],
    [Math.floor(seconds / 3_600) % 24, 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ];
  const from = parts.findIndex(([count]) => count > 0);
  const shown = (from < 0 ? parts.slice(-1) : parts.slice(from, from + 2)).filter(
    ([count], index) => index === 0 || count > 0,
  );
  return shown
    .map(([count, unit]) => numberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(count))
    .join(' ');
}
