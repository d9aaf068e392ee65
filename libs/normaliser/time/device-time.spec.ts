import { describe, expect, it } from '@jest/globals';
import { isBelievable, parseTimeText } from './device-time.js';
import { Zone } from './zone.js';

const shanghai = new Zone('Asia/Shanghai');

describe('parseTimeText', () => {
  it.each([
    ['2026-11-22T08:30:00+08:00', '2026-11-22T00:30:00.000Z'],
    ['2026-11-22T08:30:00+0800', '2026-11-22T00:30:00.000Z'],
    ['2026-11-22t00:30:00z', '2026-11-22T00:30:00.000Z'],
    ['2026-11-22T00:30:00.1239Z', '2026-11-22T00:30:00.123Z'],
    ['2026-11-22T08:30:00', '2026-11-22T00:30:00.000Z'],
    ['2026-11-22 08:30:00.5', '2026-11-22T00:30:00.500Z'],
    ['2026-11-21T20:00:00-04:30', '2026-11-22T00:30:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ])('reads %s as %s', (text, wanted) => {
    expect(new Date(parseTimeText(text, shanghai) ?? 0).toISOString()).toBe(wanted);
  });

  it.each(['2026-02-29T00:00:00Z', '2000-00-00T00:00:00Z', '2026-13-01T00:00:00Z', '2026-01-01T24:00:00Z'])(
    'finds that %s does not exist',
    (text) => {
      expect(parseTimeText(text, shanghai)).toBeNaN();
    },
  );

  it.each([
    '',
    'now',
    '2026-11-22',
    '2026-11-22T08:30',
    '2026/11/22 08:30:00',
    '2026-11-22T08:30:00.Z',
    '2026-11-22T08:30:00Zulu',
    '2026-11-22T08:30:00+8',
    '2026-11-22T08:30:00+24:00',
    '2026-1１-22T08:30:00Z',
    'x'.repeat(10_000),
  ])('does not take %.30s for a time', (text) => {
    expect(parseTimeText(text, shanghai)).toBeUndefined();
  });
});

describe('Zone', () => {
  it.each([
    ['Asia/Shanghai', '2026-07-01T08:00', '2026-07-01T00:00:00.000Z'],
    ['Asia/Kathmandu', '2026-07-01T05:45', '2026-07-01T00:00:00.000Z'],
    ['Europe/Berlin', '2026-03-29T01:59', '2026-03-29T00:59:00.000Z'],
    ['Europe/Berlin', '2026-03-29T02:30', '2026-03-29T01:30:00.000Z'],
    ['Europe/Berlin', '2026-03-29T03:00', '2026-03-29T01:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25T02:30', '2026-10-25T00:30:00.000Z'],
    ['Europe/Berlin', '2026-10-25T03:30', '2026-10-25T02:30:00.000Z'],
    ['America/New_York', '2026-11-01T12:00', '2026-11-01T17:00:00.000Z'],
  ])('%s: %s local is %s', (name, local, wanted) => {
    expect(new Date(new Zone(name).toEpoch(Date.parse(`${local}:00Z`))).toISOString()).toBe(wanted);
  });

  it('refuses a zone that does not exist', () => {
    expect(() => new Zone('Mars/Olympus')).toThrow(RangeError);
  });
});

describe('isBelievable', () => {
  const bounds = { earliest: Date.UTC(2015, 0, 1), aheadMs: 300_000 };
  const now = Date.UTC(2026, 10, 22);
  it.each([
    [now, true],
    [now + 300_000, true],
    [now + 300_001, false],
    [bounds.earliest, true],
    [bounds.earliest - 1, false],
    [0, false],
    [Date.UTC(2099, 0, 1), false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
  ])('%d: %s', (time, wanted) => {
    expect(isBelievable(time, now, bounds)).toBe(wanted);
  });
});
