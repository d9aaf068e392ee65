import type { Zone } from './zone.js';

/** Which device times are believed. Epoch milliseconds and milliseconds. */
export interface TimeBounds {
  /** No device of the platform was built before. */
  earliest: number;
  /** How far a good clock may be ahead of ours. */
  aheadMs: number;
}

const zero = 48;
const daysInMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads RFC 3339 text to epoch milliseconds; a blank may stand for the `T`, and text without a zone is local time of
 * `zone`. Undefined where the text has not that shape; NaN where it has and names a time that does not exist (month 0,
 * 31 February), as clocks that were never set do.
 */
export function parseTimeText(text: string, zone: Zone): number | undefined {
  if (text.length < 19 || text.length > 40) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const between = text.charCodeAt(10) | 32;
  const shaped =
    text[4] === '-' && text[7] === '-' && text[13] === ':' && text[16] === ':' && (between === 116 || between === 32);
  if (!shaped || Number.isNaN(year + month + day + hour + minute + second)) return undefined;
  let at = 19;
  let fraction = 0;
  if (text[at] === '.') {
    const start = at + 1;
    at = start;
    while (isDigit(text.charCodeAt(at))) at += 1;
    if (at === start) return undefined;
    fraction = Math.floor(Number(text.slice(start - 1, at)) * 1000);
  }
  const offset = readOffset(text, at);
  if (offset === 'none') return undefined;
  if (!exists(year, month, day, hour, minute, second)) return Number.NaN;
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second) + fraction;
  return offset === 'local' ? zone.toEpoch(asUtc) : asUtc - offset * 60_000;
}

/** True where a stated time may be used as event time. NaN is never believed. */
export function isBelievable(time: number, receivedAt: number, bounds: TimeBounds): boolean {
  return time >= bounds.earliest && time <= receivedAt + bounds.aheadMs;
}

/** True where year to second name a time of the Gregorian calendar; second 60 is RFC 3339's leap second. */
export function exists(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): boolean {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= (month === 2 && !leap ? 28 : (daysInMonth[month - 1] ?? 0));
}

/** Minutes east of UTC, `local` at the end of the text, `none` where something else follows. */
function readOffset(text: string, at: number): number | 'local' | 'none' {
  if (at === text.length) return 'local';
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return at + 1 === text.length ? 0 : 'none';
  if (sign !== '+' && sign !== '-') return 'none';
  const colon = text[at + 3] === ':' ? 1 : 0;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 3 + colon, 2);
  const total = hours * 60 + minutes;
  if (!(hours <= 23 && minutes <= 59) || text.length !== at + 5 + colon) return 'none';
  return sign === '+' ? total : -total;
}

function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index += 1) {
    const code = text.charCodeAt(index);
    if (!isDigit(code)) return Number.NaN;
    value = value * 10 + code - zero;
  }
  return value;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= 57;
}
