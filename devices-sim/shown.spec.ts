import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { LatestReading } from './platform-api.js';
import { waitUntilShown } from './shown.js';

const reading = (at: number): LatestReading => ({ metric: 'm', value: 1, observedAt: new Date(at).toISOString() });

describe('the wait until the last readings show', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('ends with the last of them, and asks only for those that are behind', async () => {
    const answers = [
      new Map([['a', [reading(1_000), reading(2_000)]]]),
      new Error('the platform does not answer'),
      new Map([['b', [reading(2_999)]]]),
      new Map([['b', [reading(3_000)]]]),
    ];
    const asked: string[] = [];
    const left: number[] = [];
    const waited = waitUntilShown(
      async (ids) => {
        asked.push(ids.join());
        const answer = answers[asked.length - 1];
        if (answer instanceof Map) return answer;
        throw answer;
      },
      new Map([
        ['a', 2_000],
        ['b', 3_000],
      ]),
      (count) => left.push(count),
    );
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await waited).toBe(0);
    expect(asked).toEqual(['a,b', 'b', 'b', 'b']);
    expect(left).toEqual([1, 1, 1]);
  });

  it('gives up after a quarter of a minute, and says how many are missing', async () => {
    const waited = waitUntilShown(
      async () => new Map(),
      new Map([['a', 1]]),
      () => {},
    );
    await jest.advanceTimersByTimeAsync(15_500);
    expect(await waited).toBe(1);
  });
});
