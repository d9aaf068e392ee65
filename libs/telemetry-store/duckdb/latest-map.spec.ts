import { describe, expect, it } from '@jest/globals';
import { type LatestCell, LatestMap, maxLatestMetrics } from './latest-map.js';
import { emptyCell } from './reading-rows.js';

const cell = (change: Partial<LatestCell>): LatestCell => ({ ...emptyCell(), metric: 1, ...change });

describe('LatestMap', () => {
  const cases: { name: string; offered: Partial<LatestCell>[]; expected: number; last: boolean }[] = [
    {
      name: 'later time',
      offered: [
        { observedAt: 1, value: 1 },
        { observedAt: 2, value: 2 },
      ],
      expected: 2,
      last: true,
    },
    {
      name: 'earlier time',
      offered: [
        { observedAt: 2, value: 1 },
        { observedAt: 1, value: 2 },
      ],
      expected: 1,
      last: false,
    },
    {
      name: 'later sequence',
      offered: [
        { seq: 1, value: 1 },
        { seq: 2, value: 2 },
      ],
      expected: 2,
      last: true,
    },
    { name: 'a sequence after none', offered: [{ value: 1 }, { seq: 0, value: 2 }], expected: 2, last: true },
    {
      name: 'higher revision',
      offered: [
        { revision: 1, value: 1 },
        { revision: 2, value: 2 },
      ],
      expected: 2,
      last: false,
    },
    {
      name: 'lower revision',
      offered: [
        { revision: 2, value: 1 },
        { revision: 1, value: 2 },
      ],
      expected: 1,
      last: false,
    },
    { name: 'the same again', offered: [{ value: 1 }, { value: 1 }], expected: 1, last: false },
    {
      name: 'earlier time, higher revision',
      offered: [
        { observedAt: 2, value: 1 },
        { observedAt: 1, revision: 9, value: 2 },
      ],
      expected: 1,
      last: false,
    },
  ];
  it.each(cases)('$name: keeps $expected, beyond doubt $last', ({ offered, expected, last }) => {
    const map = new LatestMap();
    const outcomes = offered.map((change) => map.offer(7, cell(change)));
    expect(map.of(7).map((c) => c.value)).toEqual([expected]);
    expect(outcomes).toEqual([true, last]);
  });

  it('keeps devices and metrics apart, over many pages', () => {
    const map = new LatestMap();
    for (let device = 1; device <= 30_000; device += 1) {
      for (const metric of [3, 1, 2])
        map.offer(device, cell({ metric, value: device * 10 + metric, text: `${device}` }));
    }
    expect(map.size).toBe(90_000);
    expect(map.of(29_999).map((c) => [c.metric, c.value, c.text])).toEqual([
      [1, 299_991, '29999'],
      [2, 299_992, '29999'],
      [3, 299_993, '29999'],
    ]);
    expect(map.of(30_001)).toEqual([]);
  });

  it('names each changed cell once', () => {
    const map = new LatestMap();
    map.offer(1, cell({ observedAt: 1, value: 1 }));
    map.offer(1, cell({ observedAt: 2, value: 2 }));
    map.offer(2, cell({ observedAt: 1, value: 3 }));
    const changed = map.takeChanged();
    expect(changed.map((at) => map.readChanged(at)?.cell.value)).toEqual([2, 3]);
    expect(map.takeChanged()).toEqual([]);
    map.restoreChanged(changed);
    map.offer(1, cell({ observedAt: 3, value: 4 }));
    expect(map.takeChanged()).toHaveLength(2);
  });

  it('forgets what was deleted by age, and takes what comes then', () => {
    const map = new LatestMap();
    map.offer(1, cell({ observedAt: 10, value: 1 }));
    map.deleteBefore(11);
    expect(map.of(1)).toEqual([]);
    expect(map.offer(1, cell({ observedAt: 5, value: 2 }))).toBe(false);
    expect(map.of(1).map((c) => c.value)).toEqual([2]);
  });

  it('bounds the metrics of one device, and says that it knows nothing of the rest', () => {
    const map = new LatestMap();
    for (let metric = 1; metric <= maxLatestMetrics; metric += 1) expect(map.offer(1, cell({ metric }))).toBe(true);
    expect(map.offer(1, cell({ metric: maxLatestMetrics + 1 }))).toBe(false);
    expect(map.of(1)).toHaveLength(maxLatestMetrics);
  });
});
