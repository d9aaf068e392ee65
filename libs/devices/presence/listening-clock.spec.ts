import { describe, expect, it } from '@jest/globals';
import { ListeningClock } from './listening-clock.js';

const start = 1_790_000_000_000;
const hour = 3_600_000;

/** Moments after start in ms with the backlog's age then, and the listening seconds wanted after each. */
const cases: { what: string; steps: [moment: number, backlogAgeMs: number, listened: number][] }[] = [
  {
    what: 'time passes while nothing waits',
    steps: [
      [0, 0, 0],
      [1_000, 0, 1],
      [2_000, 0, 2],
    ],
  },
  {
    what: 'a platform that was stopped for an hour',
    steps: [
      [0, 0, 0],
      [1_000, 0, 1],
      [hour, 0, 11],
      [hour + 1_000, 0, 12],
    ],
  },
  {
    what: 'a backlog holds the horizon',
    steps: [
      [0, 0, 0],
      [5_000, 5_000, 0],
      [60_000, 60_000, 0],
    ],
  },
  {
    what: 'a backlog worked off',
    steps: [
      [0, 0, 0],
      [60_000, 60_000, 0],
      [61_000, 30_000, 10],
      [62_000, 0, 20],
      [63_000, 0, 21],
    ],
  },
  {
    what: 'work under way, never older than a moment',
    steps: [
      [0, 0, 0],
      [1_000, 50, 0],
      [2_000, 20, 1],
      [3_000, 50, 2],
      [4_000, 0, 4],
    ],
  },
  {
    what: 'the clock jumps forward a day',
    steps: [
      [0, 0, 0],
      [24 * hour, 0, 10],
      [24 * hour + 1_000, 0, 11],
    ],
  },
  {
    what: 'the clock jumps back an hour',
    steps: [
      [0, 0, 0],
      [1_000, 0, 1],
      [-hour, 0, 1],
      [-hour + 1_000, 0, 2],
    ],
  },
];

describe('ListeningClock', () => {
  it.each(cases)('$what', ({ steps }) => {
    const clock = new ListeningClock(0);
    const listened = steps.map(([moment, backlogAgeMs]) => {
      clock.advance(start + moment, backlogAgeMs);
      return clock.seconds;
    });
    expect(listened).toEqual(steps.map(([, , seconds]) => seconds));
  });
});
