import { describe, expect, it } from '@jest/globals';
import { type StoredReading, withoutSequence } from '../telemetry-store.port.js';
import { always, type ContractRun, dayMs, hour, minute, values } from './contract-run.js';
import { dayStart, messageOf } from './messages.js';

/** Latest, ranges and frames. */
export function describeQueries(run: ContractRun): void {
  describe('latest', () => {
    it('is latest by event time, whatever order readings come in', async () => {
      await run.append(
        messageOf({ deviceKey: 'd' }, { observedAt: dayStart + hour, values: { level: 2, battery: 3.5 } }),
      );
      await run.append(
        messageOf({ deviceKey: 'd', receivedAt: dayStart + 2 * hour }, { observedAt: dayStart, values: { level: 1 } }),
      );
      await run.append(messageOf({ deviceKey: 'e' }, { observedAt: dayStart, values: { level: 9 } }));
      const check = async () => {
        const latest = await run.store.latest(['d', 'e', 'stranger']);
        const byMetric = (key: string) =>
          Object.fromEntries((latest.get(key) ?? []).map((r) => [r.metric, [r.value, r.observedAt]]));
        expect(byMetric('d')).toEqual({ level: [2, dayStart + hour], battery: [3.5, dayStart + hour] });
        expect(byMetric('e')).toEqual({ level: [9, dayStart] });
        expect(latest.has('stranger')).toBe(false);
      };
      await check();
      await run.reopen();
      await check();
      await run.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 2 * hour, values: { level: 3 } }));
      expect((await run.store.latest(['d'])).get('d')?.find((r) => r.metric === 'level')?.value).toBe(3);
    });
  });

  describe('range', () => {
    /** All readings of `d`, page by page. */
    const paged = async (limit: number) => {
      const seen: StoredReading[] = [];
      for (;;) {
        const last = seen.at(-1);
        const after = last && { ...last, seq: last.seq ?? withoutSequence };
        const page = await run.store.range({ deviceKey: 'd', range: always, limit, after });
        seen.push(...page);
        if (page.length < limit) return seen;
      }
    };

    it('answers in order of event time, across days, half open', async () => {
      const times = [3 * dayMs, 0, dayMs, 2 * dayMs + hour, 5 * minute, dayMs - 1];
      for (const at of times)
        await run.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at, values: { level: at } }));
      const query = { deviceKey: 'd', limit: 100 };
      const some = await run.store.range({ ...query, range: { from: dayStart, to: dayStart + 3 * dayMs } });
      expect(values(some)).toEqual([0, 5 * minute, dayMs - 1, dayMs, 2 * dayMs + hour]);
      expect(values(await run.store.range({ ...query, range: { from: dayStart + 1, to: dayStart + dayMs } }))).toEqual([
        5 * minute,
        dayMs - 1,
      ]);
      expect(await run.store.range({ ...query, deviceKey: 'stranger', range: always })).toEqual([]);
    });

    it('selects metrics', async () => {
      await run.append(messageOf({ deviceKey: 'd' }, { values: { level: 1, battery: 2, pressure: 3 } }));
      expect((await run.range('d', ['battery', 'pressure', 'unheard'])).map((r) => r.metric).sort()).toEqual([
        'battery',
        'pressure',
      ]);
      expect(await run.range('d', ['unheard'])).toEqual([]);
    });

    it.each([1, 2, 3, 7])('pages of %i lose and repeat nothing', async (limit) => {
      const messages = Array.from({ length: 12 }, (_, index) =>
        messageOf(
          { deviceKey: 'd' },
          {
            observedAt: dayStart + Math.floor(index / 3) * 10 * hour,
            seq: index % 3 === 0 ? index : undefined,
            values: { level: index, battery: index },
          },
        ),
      );
      await run.append(...messages);
      const seen = (await paged(limit)).map((r) => `${r.metric} ${r.value}`);
      expect(seen).toHaveLength(24);
      expect(new Set(seen).size).toBe(24);
    });

    it.each([1, 2, 3])('pages of %i show an identity once that was stored twice', async (limit) => {
      const report = (seq: number, level: number, revision = 0) =>
        messageOf({ deviceKey: 'd' }, { observedAt: dayStart, seq, revision, values: { level } });
      await run.append(report(4, 4), report(5, 50, 1), report(6, 6));
      await run.append(report(5, 5), report(6, 6));
      expect(values(await paged(limit))).toEqual([4, 50, 6]);
    });

    it.each([
      ['0001-01-01', '9999-12-31'],
      ['1600-01-01', '2600-01-01'],
    ])('from %s to %s, further than an engine may reach, finds what there is', async (first, end) => {
      const [from, to] = [Date.parse(first), Date.parse(end)];
      const range = { from, to };
      for (const level of [1, 3]) {
        await run.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + level, values: { level } }));
      }
      expect(values(await run.store.range({ deviceKey: 'd', range, limit: 10 }))).toEqual([1, 3]);
      expect(await run.store.frames({ deviceKey: 'd', range, limit: 10 })).toHaveLength(2);
      const question = { deviceKeys: ['d'], metric: 'level', range, stepMs: 36_500 * dayMs, originMs: dayStart };
      for (const [aggregation, value] of [['sum', 4] as const, ['last', 3] as const, ['increase', 2] as const]) {
        const buckets = (await run.store.downsample({ ...question, aggregation })).get('d');
        expect(buckets?.filter((bucket) => bucket.value !== null)).toEqual([{ at: dayStart, value }]);
      }
      expect(values(await run.store.range({ deviceKey: 'd', range: { from, to: from + 1 }, limit: 10 }))).toEqual([]);
      expect(values(await run.store.range({ deviceKey: 'd', range: { from: to - 1, to }, limit: 10 }))).toEqual([]);
    });
  });

  describe('frames', () => {
    const frame = (index: number, change = {}) =>
      messageOf({
        deviceKey: 'd',
        receivedAt: dayStart + index * hour,
        frame: Buffer.from([0x68, index, 0, 255]),
        ...change,
      });

    it('keeps every frame byte for byte, newest first, in pages', async () => {
      for (let index = 0; index < 30; index += 1)
        await run.append(frame(index, index === 5 ? { outcome: 'rejected', reason: 'checksum' } : {}));
      await run.append(frame(3, { deviceKey: 'e' }));
      const seen: number[] = [];
      let before: { receivedAt: number; messageId: string } | undefined;
      for (;;) {
        const page = await run.store.frames({ deviceKey: 'd', range: always, limit: 7, before });
        seen.push(...page.map((f) => f.bytes[1] ?? -1));
        before = page.at(-1);
        if (page.length < 7) break;
      }
      expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => 29 - index));
      const [fifth] = await run.store.frames({
        deviceKey: 'd',
        range: { from: dayStart + 5 * hour, to: dayStart + 6 * hour },
        limit: 5,
      });
      expect(fifth).toEqual({
        messageId: 'b.0.6.0',
        deviceKey: 'd',
        productKey: 'water-meter',
        productVersion: 1,
        receivedAt: dayStart + 5 * hour,
        storedAt: expect.any(Number),
        outcome: 'rejected',
        reason: 'checksum',
        decoder: 'json@1',
        bytes: expect.any(Uint8Array),
      });
      expect([...(fifth?.bytes ?? [])]).toEqual([0x68, 5, 0, 255]);
      expect(Math.abs(Date.now() - (fifth?.storedAt ?? 0))).toBeLessThan(60_000);
    });

    it('finds one by its message, as it was processed last', async () => {
      await run.append(frame(1, { messageId: 'u.1.9.4' }));
      await run.append(frame(1, { messageId: 'u.1.9.4', productVersion: 2, decoder: 'codec@2' }));
      await run.append(frame(1, { messageId: 'u.1.9.5', frame: new Uint8Array(0) }));
      expect((await run.store.frame('d', 'u.1.9.5'))?.bytes).toHaveLength(0);
      expect(await run.store.frame('d', 'u.1.9.4')).toMatchObject({ productVersion: 2, decoder: 'codec@2' });
      expect(await run.store.frame('other', 'u.1.9.4')).toBeUndefined();
      expect(await run.store.frame('d', 'u.1.9.6')).toBeUndefined();
      expect(await run.store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(2);
    });
  });
}
