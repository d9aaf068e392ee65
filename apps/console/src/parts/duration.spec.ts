import { describe, expect, it } from '@jest/globals';
import { durationOf, millisecondsOf } from './duration.js';

describe('a duration in a form', () => {
  it.each([
    [0, { amount: 0, unit: 'min' }],
    [1, { amount: 1, unit: 'ms' }],
    [1_500, { amount: 1_500, unit: 'ms' }],
    [90_000, { amount: 90, unit: 's' }],
    [300_000, { amount: 5, unit: 'min' }],
    [5_400_000, { amount: 90, unit: 'min' }],
    [7_200_000, { amount: 2, unit: 'h' }],
    [604_800_000, { amount: 7, unit: 'd' }],
    [undefined, { amount: null, unit: 'min' }],
  ] as const)('%p ms is %p, and back', (milliseconds, duration) => {
    expect(durationOf(milliseconds)).toEqual(duration);
    expect(millisecondsOf(duration)).toBe(milliseconds);
  });

  it('takes fractions of a unit', () => {
    expect(millisecondsOf({ amount: 1.5, unit: 'h' })).toBe(5_400_000);
  });
});
