import { beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptedClock } from '#libs/runtime';
import { aggregations } from '../telemetry-store.port.js';
import { type ContractRun, dayMs, exported, hour, minute } from './contract-run.js';
import { dayStart } from './messages.js';
import { randomNumbers, type SeriesQuestion, StoredHistory } from './stored-history.js';

const devices = ['a', 'b', 'c'];
const at = (day: number, hours = 0) => dayStart + day * dayMs + hours * hour;

/** Roll-ups: the same answers as from readings, also when those are gone. */
export function describeRollups(run: ContractRun): void {
  describe('roll-ups', () => {
    let clock: ScriptedClock;
    let random: ReturnType<typeof randomNumbers>;
    let histories: Map<string, StoredHistory>;

    const begin = (seed: number) => {
      random = randomNumbers(seed);
      histories = new Map(devices.map((key) => [key, new StoredHistory(key, random)]));
    };
    beforeEach(async () => {
      clock = new ScriptedClock(at(0));
      await run.reopen(clock);
      begin(1);
    });

    const append = (count: number, days: { from: number; to: number }, keys = devices) =>
      run.append(
        ...Array.from(
          { length: count },
          () => histories.get(keys[random(keys.length)] as string)?.next(days) ?? [],
        ).flat(),
      );
    /** Appends as days go by, each reading on its day. */
    const live = async (first: number, last: number, perDay: number) => {
      for (let day = first; day <= last; day += 1) {
        await clock.advance(Math.max(0, at(day, 12) - clock.now()));
        await append(perDay, { from: day, to: day + 1 });
      }
    };
    const upkeep = async () => {
      await clock.advance(hour);
      await run.harness.upkeep(run.store);
    };
    const ask = (question: SeriesQuestion) =>
      run.store.downsample({ deviceKeys: [...devices, 'stranger'], metric: 'total', ...question });
    const check = async (question: SeriesQuestion) => {
      const found = await ask(question);
      for (const [key, history] of histories) {
        const expected = history.series(question).map(({ at, value }) => ({
          at,
          value: value === null ? null : expect.closeTo(value, 6),
        }));
        expect({ question, key, buckets: found.get(key) }).toEqual({ question, key, buckets: expected });
      }
      expect(found.get('stranger')?.every(({ value }) => value === null)).toBe(true);
    };
    const pick = <T>(choices: readonly T[]): T => choices[random(choices.length)] as T;
    /** Any question: ends and steps that fit roll-ups, and such that do not. */
    const anyQuestion = (aggregation: SeriesQuestion['aggregation']): SeriesQuestion => {
      const from = at(0) + random(5 * 144) * 10 * minute;
      const whole = random(2) === 0;
      return {
        range: whole
          ? { from: at(random(3)), to: at(3 + random(4)) }
          : { from, to: from + random(4 * 144) * 10 * minute },
        stepMs: pick([15 * minute, hour, 90 * minute, 6 * hour, dayMs, 30 * hour, 2 * dayMs, 7 * dayMs]),
        originMs: pick([at(0), at(0), at(0, 0.5), at(0, 8), at(3)]),
        aggregation,
      };
    };
    const hourly = (from: number, to: number, stepMs = hour): Omit<SeriesQuestion, 'aggregation'> => ({
      range: { from, to },
      stepMs,
      originMs: at(0),
    });

    it.each([1, 2, 3])('change no answer, whatever comes when (%i)', async (seed) => {
      begin(seed);
      for (let round = 0; round < 6; round += 1) {
        // Days as they go by, then what is late, of one device or of all.
        if (round < 3) await live(2 * round, 2 * round + 1, 80);
        else await append(25, { from: 0, to: 6 }, round === 4 ? ['b'] : devices);
        if (round === 2) await clock.advance(random(4) * dayMs);
        if (random(3) > 0) await upkeep();
        if (random(3) === 0) await run.reopen(clock);
        for (const aggregation of aggregations) await check(anyQuestion(aggregation));
      }
      await upkeep();
      await run.reopen(clock);
      for (const aggregation of aggregations) await check(anyQuestion(aggregation));
    });

    it('answer when readings are gone, and say where they are too coarse', async () => {
      await live(0, 5, 70);
      await clock.advance(3 * dayMs);
      await upkeep();
      // Late, and not rolled up when the readings go.
      await append(40, { from: 0, to: 4 });
      expect(await run.store.deleteBefore({ reading: at(3, 5), hour: at(0), day: at(0) })).toBe(3);
      const look = async () => {
        const left = await run.store.range({ deviceKey: 'a', range: { from: at(0), to: at(7) }, limit: 5_000 });
        expect(Math.min(...left.map((reading) => reading.observedAt))).toBeGreaterThanOrEqual(at(3));
        for (const aggregation of aggregations) {
          await check({ ...hourly(at(0), at(6)), aggregation });
          await check({ ...hourly(at(1, 7), at(4, 9), 6 * hour), aggregation });
          await check({ ...hourly(at(0), at(6), dayMs), aggregation });
          await check({ ...hourly(at(3), at(6), 15 * minute), aggregation });
        }
      };
      await look();
      await run.reopen(clock);
      await upkeep();
      await look();
      await expect(ask({ ...hourly(at(2), at(4), 15 * minute), aggregation: 'mean' })).rejects.toMatchObject({
        status: 400,
        code: 'telemetry_resolution_gone',
        detail: expect.stringMatching(/^Readings from before 2026-03-12T16:00:00\.000Z .* by the hour: .*\(PT1H\)/),
      });
      expect(await run.store.deleteBefore({ reading: at(3, 5), hour: at(2), day: at(0) })).toBe(0);
      await run.reopen(clock);
      for (const aggregation of aggregations) {
        await check({ ...hourly(at(0), at(6), dayMs), aggregation });
        await check({ ...hourly(at(2), at(6)), aggregation });
      }
      await expect(ask({ ...hourly(at(1), at(3)), aggregation: 'mean' })).rejects.toMatchObject({
        code: 'telemetry_resolution_gone',
        detail: expect.stringMatching(/by the day: .*\(P1D\)/),
      });
    });

    it('go by age and with the store', async () => {
      await live(0, 3, 50);
      await clock.advance(3 * dayMs);
      await upkeep();
      await run.store.deleteBefore({ reading: at(3), hour: at(3), day: at(2) });
      const days = { ...hourly(at(0), at(4), dayMs), aggregation: 'count' as const };
      const gone = (await ask(days)).get('a')?.map(({ value }) => value !== null);
      expect(gone).toEqual([false, false, true, true]);
      await run.store.clear();
      run.position = 0;
      expect((await ask(days)).get('a')?.map(({ value }) => value)).toEqual([null, null, null, null]);
      begin(2);
      await append(200, { from: 0, to: 4 });
      await upkeep();
      await check(days);
    });

    it('whose readings are gone go with a backup, and answer the same where it is restored', async () => {
      await live(0, 5, 60);
      await clock.advance(3 * dayMs);
      await upkeep();
      await run.store.deleteBefore({ reading: at(3), hour: at(1), day: at(0) });
      const look = async () => {
        for (const aggregation of aggregations) {
          await check({ ...hourly(at(1), at(6)), aggregation });
          await check({ ...hourly(at(0), at(6), dayMs), aggregation });
          await check({ ...hourly(at(3), at(6), 15 * minute), aggregation });
        }
        for (const tooFine of [hourly(at(0), at(2)), hourly(at(1), at(4), 15 * minute)]) {
          await expect(ask({ ...tooFine, aggregation: 'mean' })).rejects.toMatchObject({
            code: 'telemetry_resolution_gone',
          });
        }
      };
      await look();
      const pieces = await exported(run.store);
      await run.store.clear();
      for (const piece of pieces) await run.store.importPart(piece);
      await look();
      await run.reopen(clock);
      await upkeep();
      await look();
      // They go by age as they would have.
      await run.store.deleteBefore({ reading: at(4), hour: at(2), day: at(1) });
      await run.reopen(clock);
      for (const aggregation of aggregations) {
        await check({ ...hourly(at(2), at(6)), aggregation });
        await check({ ...hourly(at(2), at(6), dayMs), aggregation });
      }
      const [gone] = (await ask({ ...hourly(at(0), at(2), dayMs), aggregation: 'count' })).get('a') ?? [];
      expect(gone).toEqual({ at: at(0), value: null });
    });

    it('keep what they are when something comes for a day whose readings are gone', async () => {
      await live(0, 3, 50);
      await clock.advance(3 * dayMs);
      await upkeep();
      await run.store.deleteBefore({ reading: at(2), hour: at(0), day: at(0) });
      const days = { ...hourly(at(0), at(4), dayMs), aggregation: 'sum' as const };
      const before = await ask(days);
      await append(50, { from: 0, to: 2 });
      await upkeep();
      expect(await ask(days)).toEqual(before);
      await run.store.deleteBefore({ reading: at(2), hour: at(0), day: at(0) });
      await run.reopen(clock);
      await upkeep();
      expect(await ask(days)).toEqual(before);
    });
  });
}
