import { describe, expect, it } from '@jest/globals';
import type { Schemas } from '../../api/schemas.js';
import { mergeLatest } from './latest-readings.js';

const reading = (metric: string, second: number, value: number, revision = 0): Schemas['ReadingView'] => ({
  metric,
  name: null,
  unit: null,
  value,
  quality: ['good'],
  observedAt: new Date(second * 1_000).toISOString(),
  receivedAt: new Date(second * 1_000).toISOString(),
  storedAt: null,
  deviceTime: null,
  seq: null,
  revision,
  messageId: 'u.0.1.0',
});
const values = (readings: readonly Schemas['ReadingView'][]) => readings.map(({ metric, value }) => [metric, value]);

describe('mergeLatest', () => {
  const known = [reading('b', 10, 1), reading('a', 10, 2)];
  it.each([
    [
      'a newer one',
      [reading('a', 11, 9)],
      [
        ['a', 9],
        ['b', 1],
      ],
    ],
    [
      'a late one',
      [reading('a', 9, 9)],
      [
        ['a', 2],
        ['b', 1],
      ],
    ],
    [
      'a correction',
      [reading('a', 10, 9, 1)],
      [
        ['a', 9],
        ['b', 1],
      ],
    ],
    [
      'another metric',
      [reading('c', 1, 9)],
      [
        ['a', 2],
        ['b', 1],
        ['c', 9],
      ],
    ],
    [
      'several of one metric',
      [reading('a', 12, 8), reading('a', 11, 9)],
      [
        ['a', 8],
        ['b', 1],
      ],
    ],
    [
      'nothing',
      [],
      [
        ['a', 2],
        ['b', 1],
      ],
    ],
  ])('takes %s', (_name, came, expected) => {
    expect(values(mergeLatest(known, came))).toEqual(expected);
  });
});
