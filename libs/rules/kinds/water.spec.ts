import { describe, expect, it } from '@jest/globals';
import { builtInRules } from '../built-in/built-in-rules.js';
import type { RuleDefinition } from '../rule-definition.js';
import { runScript, type Step } from '../testing/index.js';

const total = 'metering.water.total';
const half = 1800;
const halfHourly = { expectedIntervalMs: half * 1000 };

function definitionOf(slug: string): RuleDefinition {
  const rule = builtInRules.find((one) => one.slug === slug);
  if (!rule) throw new Error(`no built-in rule ${slug}`);
  return rule.definition;
}

/** A meter that reports every half hour and uses `litres(n)` in the n-th. */
function meter(halfHours: number, litres: (n: number) => number, start = 0): Step[] {
  let stands = 1000;
  return [...Array(halfHours + 1).keys()].map((n) => {
    if (n > 0) stands += litres(start + n);
    return { at: (start + n) * half + 60, push: { [total]: stands } };
  });
}

describe('household leak', () => {
  const leak = definitionOf('water-household-leak');

  it('is use in every half-hour slot of 24 hours: at 24 h nothing, in the next slot the alert', () => {
    const steps = meter(60, () => 2);
    expect(runScript(leak, steps.slice(0, 49), halfHourly)).toEqual([]);
    expect(runScript(leak, steps, halfHourly)).toEqual([`raised@${49 * half + 60}`]);
  });

  it('one slot without use starts the day anew', () => {
    const steps = meter(96, (n) => (n === 40 ? 0 : 2));
    expect(runScript(leak, steps, halfHourly)).toEqual([`raised@${(40 + 49) * half + 60}`]);
  });

  it('ends with a slot without use', () => {
    const steps = meter(60, (n) => (n >= 55 ? 0 : 2));
    expect(runScript(leak, steps, halfHourly)).toEqual([`raised@${49 * half + 60}`, `cleared@${56 * half + 60}`]);
  });

  it('no data is not zero use, and no use either: a gap starts the day anew and clears nothing', () => {
    const withGap = meter(96, () => 2).filter((_, n) => n < 20 || n > 30);
    expect(runScript(leak, withGap, halfHourly)).toEqual([`raised@${(31 + 49) * half + 60}`]);
    const after = meter(110, () => 2).filter((_, n) => n < 60 || n > 70);
    expect(runScript(leak, after, halfHourly)).toEqual([`raised@${49 * half + 60}`]);
  });

  it('a meter read once a day proves nothing about half hours', () => {
    const daily = [...Array(30).keys()].map((n) => ({ at: n * 86_400, push: { [total]: 1000 + 50 * n } }));
    expect(runScript(leak, daily, { expectedIntervalMs: 86_400_000 })).toEqual([]);
  });

  it('a meter that reports every ten minutes, a household asleep, raises nothing in a week', () => {
    let stands = 0;
    const steps = [...Array(7 * 144).keys()].map((n) => {
      const hour = ((n % 144) / 6 + 8) % 24;
      stands += hour < 6 ? 0 : 3;
      return { at: n * 600 + 5, push: { [total]: stands } };
    });
    expect(runScript(leak, steps, { expectedIntervalMs: 600_000 })).toEqual([]);
  });
});

describe('burst', () => {
  const burst = definitionOf('water-burst');

  it('two half hours far above the meter’s own normal', () => {
    const steps = meter(120, (n) => (n >= 100 && n < 104 ? 2000 : 20));
    expect(runScript(burst, steps, halfHourly)).toEqual([
      `raised@${102 * half + 60}`,
      `repeated@${104 * half + 60}`,
      `cleared@${105 * half + 60}`,
    ]);
  });

  it('a large meter’s ordinary use is no burst, and nothing is judged before its normal is known', () => {
    expect(
      runScript(
        burst,
        meter(400, (n) => 20_000 + (n % 7) * 1000),
        halfHourly,
      ),
    ).toEqual([]);
    expect(
      runScript(
        burst,
        meter(40, (n) => (n > 20 ? 5000 : 1)),
        halfHourly,
      ),
    ).toEqual([]);
  });
});

describe('window totals', () => {
  it('a mean over the window', () => {
    const steps = [1, 1, 1, 9, 9, 9, 1, 1, 1].map((level, n) => ({ at: n * 60, push: { level } }));
    const rule = {
      kind: 'window',
      metric: 'level',
      aggregate: 'mean',
      slotMs: 60_000,
      slots: 3,
      test: 'total',
      operator: '>',
      value: 5,
    } as const;
    expect(runScript(rule, steps)).toEqual(['raised@240', 'cleared@420']);
  });
});

describe('backflow', () => {
  const backflow = definitionOf('water-backflow');
  const readings = (...values: number[]): Step[] =>
    values.map((value, n) => ({ at: n * half, push: { [total]: value } }));
  const cases: { name: string; steps: Step[]; want: string[] }[] = [
    { name: 'a fall beyond tolerance', steps: readings(1000, 1100, 1050), want: [`raised@${2 * half}`] },
    { name: 'a fall within tolerance', steps: readings(1000, 1100, 1092), want: [] },
    { name: 'a slow fall adds up', steps: readings(1000, 994, 988), want: [`raised@${2 * half}`] },
    {
      name: 'ends when water flows forward again',
      steps: readings(1000, 900, 890, 920),
      want: [`raised@${half}`, `cleared@${3 * half}`],
    },
    { name: 'a rollover of an eight-digit register', steps: readings(999_950, 999_990, 20, 60), want: [] },
    { name: 'a rollover in cubic metres', steps: readings(999_999_900, 40), want: [] },
    { name: 'another meter: a fall faster than water flows', steps: readings(350_000, 12, 40), want: [] },
    {
      name: 'another meter by its number, however small the fall',
      steps: [
        { at: 0, push: { meterNumber: '00000001', [total]: 100 } },
        { at: half, push: { [total]: 30, meterNumber: '00000002' } },
        { at: 2 * half, push: { [total]: 31 } },
      ],
      want: [],
    },
  ];
  it.each(cases)('$name', ({ steps, want }) => {
    expect(runScript(backflow, steps, halfHourly)).toEqual(want);
  });
});
