import { describe, expect, it } from '@jest/globals';
import { qualityFlags } from '#libs/contracts';
import type { Aggregation } from '../telemetry-store.port.js';
import { type ContractRun, hour, minute } from './contract-run.js';
import { dayStart, messageOf } from './messages.js';

/** Series in buckets. */
export function describeDownsample(run: ContractRun): void {
  describe('downsample', () => {
    const rows: [number, number | boolean | string, number?][] = [
      [0, 10],
      [10, 14],
      [59, 12],
      // Nothing in the second hour.
      [125, 20],
      [130, 999, qualityFlags.out_of_range],
      [135, 'broken', qualityFlags.type_mismatch],
      [185, 6],
      [190, 8, qualityFlags.coerced],
      [195, 5],
    ];
    const expected: Record<Aggregation, (number | null)[]> = {
      min: [10, null, 20, 5],
      max: [14, null, 20, 8],
      mean: [12, null, 20, 19 / 3],
      sum: [36, null, 20, 19],
      count: [3, null, 1, 3],
      last: [12, null, 20, 5],
      // 10 follows nothing; 6 is less than half of 20: the counter began again.
      increase: [2, null, 8, 5],
    };
    it.each(Object.keys(expected) as Aggregation[])('%s', async (aggregation) => {
      for (const [at, value, quality = 0] of rows) {
        const message = messageOf(
          { deviceKey: 'd' },
          { observedAt: dayStart + at * minute, values: { total: value, other: 1 } },
        );
        for (const reading of message.reports[0]?.readings ?? []) reading.quality = quality;
        await run.append(message);
      }
      const found = await run.store.downsample({
        deviceKeys: ['d', 'stranger'],
        metric: 'total',
        range: { from: dayStart, to: dayStart + 4 * hour },
        stepMs: hour,
        originMs: dayStart,
        aggregation,
      });
      const at = (index: number) => dayStart + index * hour;
      expect(found.get('d')).toEqual(
        expected[aggregation].map((value, index) => ({
          at: at(index),
          value: value === null ? null : expect.closeTo(value),
        })),
      );
      expect(found.get('stranger')).toEqual([0, 1, 2, 3].map((index) => ({ at: at(index), value: null })));
    });

    it('counts the growth of a counter since the reading before the range', async () => {
      for (const at of [-30, 30, 90]) {
        await run.append(
          messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at * minute, values: { total: 100 + at } }),
        );
      }
      const found = await run.store.downsample({
        deviceKeys: ['d'],
        metric: 'total',
        range: { from: dayStart, to: dayStart + 2 * hour },
        stepMs: hour,
        originMs: dayStart,
        aggregation: 'increase',
      });
      expect(found.get('d')?.map((b) => b.value)).toEqual([60, 60]);
    });

    it('aligns buckets to the origin and counts a small fall as it is', async () => {
      for (const [at, value] of [
        [0, 100],
        [20, 110],
        [40, 109],
        [80, 120],
      ] as const) {
        await run.append(
          messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at * minute, values: { total: value } }),
        );
      }
      const found = await run.store.downsample({
        deviceKeys: ['d'],
        metric: 'total',
        range: { from: dayStart, to: dayStart + 90 * minute },
        stepMs: hour,
        originMs: dayStart + 30 * minute,
        aggregation: 'increase',
      });
      expect(found.get('d')).toEqual([
        { at: dayStart - 30 * minute, value: 10 },
        { at: dayStart + 30 * minute, value: 10 },
      ]);
    });

    it('counts booleans as 0 and 1, and counts texts', async () => {
      await run.append(
        messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { occupied: true, state: 'open' } }),
      );
      await run.append(
        messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 1, values: { occupied: false, state: 'shut' } }),
      );
      const query = {
        deviceKeys: ['d'],
        range: { from: dayStart, to: dayStart + hour },
        stepMs: hour,
        originMs: dayStart,
      };
      const value = async (metric: string, aggregation: Aggregation) =>
        (await run.store.downsample({ ...query, metric, aggregation })).get('d')?.[0]?.value;
      expect(await value('occupied', 'mean')).toBe(0.5);
      expect(await value('state', 'count')).toBe(2);
      expect(await value('state', 'last')).toBeNull();
    });
  });
}
