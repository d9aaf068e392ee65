import { describe, expect, it } from '@jest/globals';
import { DayCalendar } from './day-calendar.js';

describe('DayCalendar', () => {
  it.each([
    ['Asia/Shanghai', '2026-11-22T15:59:59.999Z', '20261122', '2026-11-21T16:00:00.000Z', 24],
    ['Asia/Shanghai', '2026-11-22T16:00:00.000Z', '20261123', '2026-11-22T16:00:00.000Z', 24],
    ['Europe/Berlin', '2026-03-29T12:00:00.000Z', '20260329', '2026-03-28T23:00:00.000Z', 23],
    ['Europe/Berlin', '2026-10-25T00:30:00.000Z', '20261025', '2026-10-24T22:00:00.000Z', 25],
    ['Asia/Kathmandu', '2026-06-01T18:14:59.000Z', '20260601', '2026-05-31T18:15:00.000Z', 24],
    // Where clocks go forward at midnight the day begins at one.
    ['America/Santiago', '2026-09-06T03:30:00.000Z', '20260905', '2026-09-05T04:00:00.000Z', 24],
    ['America/Santiago', '2026-09-06T04:00:00.000Z', '20260906', '2026-09-06T04:00:00.000Z', 23],
    ['Atlantic/Azores', '2026-03-29T00:30:00.000Z', '20260328', '2026-03-28T01:00:00.000Z', 24],
    ['UTC', '1970-01-01T00:00:00.000Z', '19700101', '1970-01-01T00:00:00.000Z', 24],
  ])('%s %s falls on %s', (timeZone, at, name, from, hours) => {
    const day = new DayCalendar(timeZone).dayOf(Date.parse(at));
    expect([day.name, new Date(day.from).toISOString(), (day.to - day.from) / 3_600_000]).toEqual([name, from, hours]);
  });

  it.each([
    'America/Havana',
    'America/Santiago',
    'Atlantic/Azores',
    'Africa/Cairo',
    'Asia/Beirut',
    'Australia/Lord_Howe',
  ])('the days of a year in %s follow upon each other without a gap', (timeZone) => {
    const calendar = new DayCalendar(timeZone);
    const end = Date.UTC(2027, 0, 1);
    for (let day = calendar.dayOf(Date.UTC(2026, 0, 1)); day.from < end; day = calendar.dayOf(day.to)) {
      expect(calendar.dayOf(day.from)).toEqual(day);
      expect(calendar.dayOf(day.to - 1)).toEqual(day);
      expect(calendar.dayOf(day.to).from).toBe(day.to);
    }
  });
});
