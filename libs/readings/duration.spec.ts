import { describe, expect, it } from '@jest/globals';
import { durationMs } from './duration.js';

describe('durationMs', () => {
  it.each([
    ['PT15M', 900_000],
    ['PT1H30M', 5_400_000],
    ['P1D', 86_400_000],
    ['P1W', 604_800_000],
    ['P1DT1S', 86_401_000],
    ['900', 900_000],
    ['0', undefined],
    ['PT0S', undefined],
    ['P', undefined],
    ['P1M', undefined],
    ['-PT1H', undefined],
    ['15m', undefined],
    ['', undefined],
  ])('%s is %s', (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });
});
