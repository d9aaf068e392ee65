import { describe, expect, it } from '@jest/globals';
import { type Alarm, emptyBook, isAlarm, raise, ringAgain, ringing, settle, silence } from './alarm-book.js';

const alarm = (alertId: string, minute: number): Alarm => ({
  alertId,
  title: { zh: '火警', en: 'Fire alarm' },
  device: alertId,
  openedAt: `2026-11-27T10:${String(minute).padStart(2, '0')}:00.000Z`,
});
const ids = (alarms: readonly Alarm[]) => alarms.map(({ alertId }) => alertId);

describe('isAlarm', () => {
  it.each([
    ['critical', 'open', 'fire', true],
    ['critical', 'open', null, true],
    ['critical', 'open', undefined, true],
    ['critical', 'open', 'water', false],
    ['critical', 'acknowledged', 'fire', false],
    ['critical', 'cleared', 'fire', false],
    ['major', 'open', 'fire', false],
  ])('%s, %s, %s: %s', (severity, status, domain, expected) => {
    expect(isAlarm({ severity, status, domain })).toBe(expected);
  });
});

describe('the book of alarms', () => {
  const two = raise(raise(emptyBook, alarm('a', 1)), alarm('b', 2));

  it('rings for each, the newest first, once however often it is told', () => {
    expect(ids(ringing(two))).toEqual(['b', 'a']);
    expect(ids(raise(two, alarm('a', 1)).alarms)).toEqual(['b', 'a']);
    expect(ids(raise(two, alarm('old', 0)).alarms)).toEqual(['b', 'a', 'old']);
  });

  it('is silent when silenced, and still shows them', () => {
    const silent = silence(two);
    expect([ids(ringing(silent)), ids(silent.alarms)]).toEqual([[], ['b', 'a']]);
  });

  it('rings again for the next one, and for one that got worse', () => {
    const third = raise(silence(two), alarm('c', 3));
    expect(ids(ringing(third))).toEqual(['c']);
    expect(ids(ringing(ringAgain(third, 'a')))).toEqual(['c', 'a']);
  });

  it('forgets what is settled, with its silence', () => {
    const settled = settle(silence(two), 'a');
    expect(ids(settled.alarms)).toEqual(['b']);
    expect(ids(ringing(raise(settled, alarm('a', 4))))).toEqual(['a']);
    expect(settle(two, 'nowhere')).toBe(two);
  });

  it('is bounded', () => {
    let book = emptyBook;
    for (let index = 0; index < 300; index++) book = raise(book, alarm(`x${index}`, index % 60));
    expect(book.alarms).toHaveLength(200);
  });
});
