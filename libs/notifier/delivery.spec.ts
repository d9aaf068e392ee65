import { describe, expect, it } from '@jest/globals';
import { giveUpAfterMs, judgeAnswer, maxPauseMs, retryDelayMs } from './delivery.js';

const now = 1_000_000_000_000;
const fresh = { attempts: 1, deadline: now + giveUpAfterMs };
const answered = (status: number, headers: Record<string, string> = {}) => ({ status, error: '', headers });

describe('the retry schedule', () => {
  it('is 1, 5, 15, 60 s, 5, 15 min, then hourly', () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 50].map((attempts) => retryDelayMs(attempts, 0.5) / 1_000);
    expect(seconds).toEqual([1, 5, 15, 60, 300, 900, 3_600, 3_600, 3_600]);
  });

  it.each([
    [0, 800],
    [0.5, 1_000],
    [1, 1_200],
  ])('jitter %d makes 1 s %d ms', (random, delay) => {
    expect(retryDelayMs(1, random)).toBe(delay);
  });
});

describe('an answer', () => {
  it.each([200, 201, 202, 204, 299])('%d is success', (status) => {
    expect(judgeAnswer(answered(status), fresh, now, 0.5).outcome).toEqual({ kind: 'delivered' });
  });

  it.each([101, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])('%d is tried again', (status) => {
    expect(judgeAnswer(answered(status), fresh, now, 0.5)).toMatchObject({
      outcome: { kind: 'retry', at: now + 1_000 },
      error: `answered ${status}`,
      disable: false,
    });
  });

  it('no answer is tried again', () => {
    const verdict = judgeAnswer({ status: undefined, error: 'ECONNRESET', headers: {} }, fresh, now, 0.5);
    expect(verdict).toMatchObject({ outcome: { kind: 'retry' }, error: 'ECONNRESET' });
  });

  it('410 disables the endpoint and holds the delivery', () => {
    expect(judgeAnswer(answered(410), fresh, now, 0.5)).toMatchObject({
      outcome: { kind: 'retry', at: now },
      disable: true,
    });
  });

  it.each([
    ['120', now + 120_000],
    ['0', undefined],
    ['86400', now + maxPauseMs],
    [new Date(now + 90_000).toUTCString(), now + 90_000],
    [new Date(now - 90_000).toUTCString(), undefined],
    ['soon', undefined],
    ['-5', undefined],
  ])('Retry-After %s', (text, expected) => {
    const verdict = judgeAnswer(answered(429, { 'retry-after': text }), fresh, now, 0.5);
    expect(verdict.pauseUntil).toBe(expected);
    expect(verdict.outcome).toEqual({ kind: 'retry', at: expected ?? now + 1_000 });
  });

  it('past the deadline it is given up', () => {
    const late = { attempts: 80, deadline: now + 3_599_999 };
    expect(judgeAnswer(answered(500), late, now, 0.5).outcome).toEqual({ kind: 'dead' });
  });
});
