import { describe, expect, it } from '@jest/globals';
import { planSeries, type RollupCoverage, tooFineDetail } from './series-plan.js';

const hour = 3_600_000;
const dayMs = 24 * hour;
const minute = 60_000;
/** Midnights of the local days 0, 1, 2...; a zone of a half-hour offset, so none is at a whole hour of UTC. */
const midnight = (day: number) => 1_000 * dayMs - 5.5 * hour + day * dayMs;
const at = (day: number, hours = 0) => midnight(day) + hours * hour;
const days = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => ({ from: at(first + index), to: at(first + index + 1) }));
const all = Number.MIN_SAFE_INTEGER;
const kept = (change: Partial<RollupCoverage['keptFrom']> = {}) => ({ reading: all, hour: all, day: all, ...change });

/** Stretches as `resolution from-to`, in days and hours. */
function shown(plan: ReturnType<typeof planSeries>): string[] | string {
  if (plan.kind === 'too_fine') return `too fine: ${plan.kept}`;
  const place = (time: number) => {
    const hours = (time - midnight(0)) / hour;
    return `${Math.floor(hours / 24)}d${Math.round((hours - Math.floor(hours / 24) * 24) * 100) / 100}h`;
  };
  return plan.stretches.map(({ resolution, from, to }) => `${resolution} ${place(from)} ${place(to)}`);
}

describe('planSeries', () => {
  const rolledUp: RollupCoverage = { days: days(0, 9), keptFrom: kept() };
  const gone: RollupCoverage = { days: days(0, 9), keptFrom: kept({ reading: at(5) }) };
  const coarse: RollupCoverage = { days: days(0, 9), keptFrom: kept({ reading: at(5), hour: at(3) }) };
  it.each<[string, { from: number; to: number; stepMs: number; originMs?: number }, RollupCoverage, string[] | string]>(
    [
      [
        'days, where nothing is rolled up',
        { from: at(0), to: at(3), stepMs: dayMs },
        { days: [], keptFrom: kept() },
        ['reading 0d0h 3d0h'],
      ],
      ['days in steps of a day', { from: at(0), to: at(3), stepMs: dayMs }, rolledUp, ['day 0d0h 3d0h']],
      ['days in steps of a week', { from: at(0), to: at(7), stepMs: 7 * dayMs }, rolledUp, ['day 0d0h 7d0h']],
      [
        'the open edge from readings',
        { from: at(8), to: at(11, 9), stepMs: dayMs },
        rolledUp,
        ['day 8d0h 10d0h', 'reading 10d0h 11d9h'],
      ],
      [
        'a day that is not rolled up, from readings',
        { from: at(0), to: at(4), stepMs: dayMs },
        { days: [...days(0, 1), ...days(3, 9)], keptFrom: kept() },
        ['day 0d0h 2d0h', 'reading 2d0h 3d0h', 'day 3d0h 4d0h'],
      ],
      ['hours in steps of an hour', { from: at(1, 3), to: at(1, 9), stepMs: hour }, rolledUp, ['hour 1d3h 1d9h']],
      ['hours in steps of 6 hours', { from: at(1), to: at(3), stepMs: 6 * hour }, rolledUp, ['hour 1d0h 3d0h']],
      [
        'parts of hours and of days at the ends',
        { from: at(0, 22.5), to: at(2, 1.25), stepMs: dayMs },
        rolledUp,
        ['reading 0d22.5h 0d23h', 'hour 0d23h 1d0h', 'day 1d0h 2d0h', 'hour 2d0h 2d1h', 'reading 2d1h 2d1.25h'],
      ],
      [
        'a range within an hour',
        { from: at(1, 3.25), to: at(1, 3.75), stepMs: hour },
        rolledUp,
        ['reading 1d3.25h 1d3.75h'],
      ],
      ['steps that cut hours', { from: at(1), to: at(3), stepMs: 90 * minute }, rolledUp, ['reading 1d0h 3d0h']],
      [
        'steps of an hour that begin between hours',
        { from: at(1), to: at(3), stepMs: hour, originMs: at(0, 0.5) },
        rolledUp,
        ['reading 1d0h 3d0h'],
      ],
      [
        'steps of a day that do not begin with the local day',
        { from: at(1), to: at(3), stepMs: dayMs, originMs: at(0, 8) },
        rolledUp,
        ['hour 1d0h 3d0h'],
      ],
      [
        'steps larger than a day that cut days',
        { from: at(0), to: at(4), stepMs: 1.25 * dayMs },
        rolledUp,
        ['day 0d0h 1d0h', 'hour 1d0h 4d0h'],
      ],
      [
        'a day of 23.5 hours, whose last hour is short',
        { from: at(0), to: at(0, 23.5), stepMs: hour, originMs: at(0) },
        { days: [{ from: at(0), to: at(0, 23.5) }], keptFrom: kept() },
        ['hour 0d0h 0d23.5h'],
      ],
      [
        'a day that is rolled up only in part of the range',
        { from: at(9, 12), to: at(10, 12), stepMs: hour },
        rolledUp,
        ['hour 9d12h 10d0h', 'reading 10d0h 10d12h'],
      ],
      ['a range that ends before it begins', { from: at(3), to: at(1), stepMs: hour }, rolledUp, []],
      ['days whose readings are gone', { from: at(0), to: at(7), stepMs: dayMs }, gone, ['day 0d0h 7d0h']],
      [
        'hours whose readings are gone, where they begin',
        { from: at(4, 3.5), to: at(4, 9.5), stepMs: hour },
        gone,
        ['hour 4d3.5h 4d9.5h'],
      ],
      [
        'nothing for a day without roll-ups whose readings are gone',
        { from: at(2), to: at(6), stepMs: dayMs },
        { days: days(3, 9), keptFrom: kept({ reading: at(5) }) },
        ['day 3d0h 6d0h'],
      ],
      ['quarters of an hour that are gone', { from: at(4), to: at(5), stepMs: 15 * minute }, gone, 'too fine: hour'],
      [
        'quarters of an hour that are still there',
        { from: at(5), to: at(6), stepMs: 15 * minute },
        gone,
        ['reading 5d0h 6d0h'],
      ],
      ['hours that are gone', { from: at(2), to: at(4), stepMs: hour }, coarse, 'too fine: day'],
      ['hours that are still there', { from: at(3), to: at(4), stepMs: hour }, coarse, ['hour 3d0h 4d0h']],
      [
        'days that are the last that is kept, where they begin',
        { from: at(0, 5), to: at(2, 5), stepMs: dayMs },
        coarse,
        ['day 0d5h 2d5h'],
      ],
      [
        'roll-ups by the day that are gone before those by the hour',
        { from: at(0), to: at(2), stepMs: dayMs },
        { days: days(0, 9), keptFrom: kept({ day: at(1) }) },
        ['hour 0d0h 1d0h', 'day 1d0h 2d0h'],
      ],
    ],
  )('%s', (_name, { from, to, stepMs, originMs = midnight(0) }, coverage, expected) => {
    expect(shown(planSeries({ range: { from, to }, steps: { stepMs, originMs } }, coverage))).toEqual(expected);
  });

  it('takes a range without steps for one bucket', () => {
    const range = { from: at(0, 22.5), to: at(3, 2) };
    expect(shown(planSeries({ range }, rolledUp))).toEqual([
      'reading 0d22.5h 0d23h',
      'hour 0d23h 1d0h',
      'day 1d0h 3d0h',
      'hour 3d0h 3d2h',
    ]);
  });

  it('says what to ask for', () => {
    const plan = planSeries({ range: { from: at(2), to: at(4) }, steps: { stepMs: hour, originMs: at(0) } }, coarse);
    if (plan.kind !== 'too_fine') throw new Error('the plan is fine');
    expect(tooFineDetail(plan)).toBe(
      `Readings from before ${new Date(at(5)).toISOString()} are no longer kept, only their roll-ups by the day: ask for steps of whole days that begin with the local day (P1D), or for a later range.`,
    );
  });
});
