import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { effectScope } from 'vue';
import { useThrottled } from './throttle.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('useThrottled', () => {
  it('does the first at once, those that follow together when they may, and nothing once the page is left', () => {
    const scope = effectScope();
    const times: number[] = [];
    const begun = performance.now();
    const call = scope.run(() => useThrottled(() => times.push(performance.now() - begun), 1_000)) as () => void;
    call();
    jest.advanceTimersByTime(0);
    expect(times).toEqual([0]);
    for (const at of [100, 200, 300]) {
      jest.advanceTimersByTime(100);
      expect(performance.now() - begun).toBe(at);
      call();
    }
    jest.advanceTimersByTime(5_000);
    expect(times).toEqual([0, 1_000]);
    call();
    jest.advanceTimersByTime(0);
    expect(times).toEqual([0, 1_000, 5_300]);
    call();
    scope.stop();
    jest.advanceTimersByTime(5_000);
    expect(times).toHaveLength(3);
  });
});
