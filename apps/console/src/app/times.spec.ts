import { describe, expect, it } from '@jest/globals';
import { exactTime, relativeTime, shortTime, spanText } from './times.js';

const now = Date.UTC(2026, 10, 27, 11, 47, 3);

describe('relativeTime', () => {
  it.each([
    [0, 'now', '现在'],
    [9_000, 'now', '现在'],
    [-12_000, '12 seconds ago', '12秒钟前'],
    [-119_000, '1 minute ago', '1分钟前'],
    [-7_200_000, '2 hours ago', '2小时前'],
    [-90_000_000, 'yesterday', '昨天'],
    [-40 * 86_400_000, 'last month', '上个月'],
    [3 * 86_400_000, 'in 3 days', '3天后'],
  ])('%d ms away', (difference, en, zh) => {
    expect([relativeTime(now + difference, now, 'en'), relativeTime(now + difference, now, 'zh-CN')]).toEqual([en, zh]);
  });
});

describe('exactTime and shortTime', () => {
  it('are in the zone asked for', () => {
    expect(exactTime(now, 'zh-CN', 'Asia/Shanghai')).toBe('2026/11/27 GMT+8 19:47:03');
    expect(exactTime(now, 'en', 'UTC')).toBe('11/27/2026, 11:47:03 UTC');
    expect(shortTime(now, 'zh-CN', 'Asia/Shanghai')).toBe('11/27 19:47:03');
  });
});

describe('spanText', () => {
  it.each([
    [0, '0 sec'],
    [45_400, '45 sec'],
    [3_600_000, '1 hr'],
    [7_500_000, '2 hr 5 min'],
    [90_061_000, '1 day 1 hr'],
    [-5, '0 sec'],
  ])('%d ms', (ms, text) => {
    expect(spanText(ms, 'en')).toBe(text);
  });
});
