import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { qualityFlags } from '#libs/contracts';
import type { Aggregation, StoredReading, TelemetryStore } from '../telemetry-store.port.js';
import { withoutSequence } from '../telemetry-store.port.js';
import { batchOf, crashBatch, dayStart, messageOf } from './messages.js';

/** How the suite gets at an adapter. */
export interface TelemetryStoreHarness {
  /** A started store on the data in `dataDir`; called again on the same folder after a stop or a crash. */
  open(dataDir: string): Promise<TelemetryStore>;
  /**
   * A script for a child process: given `dataDir`, it opens the store and appends `crashBatch(position)` for positions 1, 2,
   * 3..., sending each position to its parent once it is durable.
   */
  crashScript: URL;
}

const minute = 60_000;
const hour = 60 * minute;
const dayMs = 24 * hour;
const always = { from: dayStart - 400 * dayMs, to: dayStart + 400 * dayMs };

/** The contract of the telemetry-store port, to be run against every adapter. */
export function describeTelemetryStore(name: string, harness: TelemetryStoreHarness): void {
  describe(`telemetry store: ${name}`, () => {
    let dataDir: string;
    let store: TelemetryStore;
    let position: number;

    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'telemetry-contract-'));
      store = await harness.open(dataDir);
      position = 0;
    });
    afterEach(async () => {
      await store.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    const append = (...messages: ReturnType<typeof messageOf>[]) => {
      position += 1;
      return store.append([batchOf(messages, { position })]);
    };
    const range = (deviceKey: string, metrics?: readonly string[]) =>
      store.range({ deviceKey, metrics, range: always, limit: 1_000 });
    const values = (readings: readonly StoredReading[]) => readings.map((r) => r.value);
    const reopen = async () => {
      await store.stop();
      store = await harness.open(dataDir);
    };

    describe('append', () => {
      it('stores an entry once, however often it comes', async () => {
        const entry = batchOf([messageOf({ deviceKey: 'd' }, { values: { level: 1 } })], { position: 5 });
        await store.append([entry]);
        await Promise.all([store.append([entry]), store.append([entry])]);
        await reopen();
        await store.append([entry]);
        expect(values(await range('d'))).toEqual([1]);
        expect(await store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(1);
      });

      it('keeps the position of every lane and partition', async () => {
        const message = messageOf({ deviceKey: 'd' }, { values: { level: 1 } });
        await store.append([
          batchOf([message], { lane: 'urgent', partition: 3, position: 7 }),
          batchOf([message], { lane: 'bulk', partition: 3, position: 9 }),
        ]);
        await store.append([batchOf([], { lane: 'bulk', partition: 12, position: 2 })]);
        await reopen();
        expect((await store.positions()).sort((a, b) => a.position - b.position)).toEqual([
          { lane: 'bulk', partition: 12, position: 2 },
          { lane: 'urgent', partition: 3, position: 7 },
          { lane: 'bulk', partition: 3, position: 9 },
        ]);
      });

      it('refuses an entry it cannot read, and only that', async () => {
        const good = batchOf([messageOf({ deviceKey: 'good' }, { values: { level: 1 } })], {
          partition: 1,
          position: 1,
        });
        const bad = { lane: 'bulk' as const, partition: 2, position: 1, data: Buffer.from('nonsense') };
        const outcomes = await Promise.allSettled([store.append([good]), store.append([bad])]);
        expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected']);
        expect(values(await range('good'))).toEqual([1]);
        expect(await store.positions()).toEqual([{ lane: 'bulk', partition: 1, position: 1 }]);
      });

      it('keeps two metrics at one time stamp apart', async () => {
        await append(messageOf({ deviceKey: 'd', receivedAt: dayStart }, { values: { level: 1, battery: 3.6 } }));
        await append(messageOf({ deviceKey: 'd', receivedAt: dayStart }, { values: { pressure: 2 } }));
        const found = await range('d');
        expect(Object.fromEntries(found.map((r) => [r.metric, r.value]))).toEqual({
          level: 1,
          battery: 3.6,
          pressure: 2,
        });
      });

      it('keeps every type of value', async () => {
        const nested = { lamps: [{ on: true }], note: '路灯' };
        await append(
          messageOf(
            { deviceKey: 'd', receivedAt: dayStart },
            {
              values: {
                number: -0.1,
                whole: 9_007_199_254_740_991,
                yes: true,
                no: false,
                text: '占用',
                empty: '',
                nested,
              },
            },
          ),
        );
        const found = Object.fromEntries((await range('d')).map((r) => [r.metric, r.value]));
        const expected = {
          number: -0.1,
          whole: 9_007_199_254_740_991,
          yes: true,
          no: false,
          text: '占用',
          empty: '',
          nested,
        };
        expect(found).toEqual(expected);
        const latest = await store.latest(['d']);
        expect(Object.fromEntries((latest.get('d') ?? []).map((r) => [r.metric, r.value]))).toEqual(expected);
      });

      it('gives back all that is known of a reading', async () => {
        const report = { observedAt: dayStart + 1, deviceTime: 12, seq: 7, revision: 2, values: { level: 1.5 } };
        const message = messageOf({ deviceKey: 'd', receivedAt: dayStart + 5, messageId: 'u.3.1542.7' }, report);
        const reading = message.reports[0]?.readings[0];
        if (reading) reading.quality = qualityFlags.clock_suspect;
        await append(message);
        const [found] = await range('d');
        expect(found).toEqual({
          deviceKey: 'd',
          metric: 'level',
          value: 1.5,
          quality: qualityFlags.clock_suspect,
          observedAt: dayStart + 1,
          receivedAt: dayStart + 5,
          storedAt: expect.any(Number),
          deviceTime: 12,
          seq: 7,
          revision: 2,
          messageId: 'u.3.1542.7',
        });
        expect((await store.latest(['d'])).get('d')).toEqual([found]);
      });
    });

    describe('identity', () => {
      const at = dayStart + hour;
      const report = (revision: number, value: number, seq?: number) => ({
        observedAt: at,
        seq,
        revision,
        values: { level: value },
      });
      const cases: { name: string; stored: [number, number, number?][]; sameMessage?: boolean; expected: number[] }[] =
        [
          {
            name: 'shows a resent reading once',
            stored: [
              [0, 1, 5],
              [0, 1, 5],
            ],
            expected: [1],
          },
          {
            name: 'shows a resent reading of a message without sequence once',
            stored: [
              [0, 1],
              [0, 1],
            ],
            sameMessage: true,
            expected: [1],
          },
          {
            name: 'keeps readings without sequence of two messages',
            stored: [
              [0, 1],
              [0, 2],
            ],
            expected: [1, 2],
          },
          {
            name: 'keeps readings with two sequence numbers',
            stored: [
              [0, 1, 5],
              [0, 2, 6],
            ],
            expected: [1, 2],
          },
          {
            name: 'shows the higher revision',
            stored: [
              [0, 1, 5],
              [1, 2, 5],
            ],
            expected: [2],
          },
          {
            name: 'shows the higher revision that came first',
            stored: [
              [1, 2, 5],
              [0, 1, 5],
            ],
            expected: [2],
          },
          {
            name: 'shows the correction of a message without sequence',
            stored: [
              [0, 1],
              [1, 2],
            ],
            sameMessage: true,
            expected: [2],
          },
        ];
      it.each(cases)('$name', async ({ stored, sameMessage, expected }) => {
        for (const [revision, value, seq] of stored) {
          const messageId = sameMessage ? 'b.0.77.3' : undefined;
          await append(messageOf({ deviceKey: 'd', ...(messageId && { messageId }) }, report(revision, value, seq)));
        }
        const check = async () => {
          expect(values(await range('d'))).toEqual(expected);
          expect(values((await store.latest(['d'])).get('d') ?? [])).toEqual(expected.slice(-1));
          const counted = await store.downsample({
            deviceKeys: ['d'],
            metric: 'level',
            range: { from: dayStart, to: dayStart + dayMs },
            stepMs: dayMs,
            originMs: dayStart,
            aggregation: 'count',
          });
          expect(counted.get('d')).toEqual([{ at: dayStart, value: expected.length }]);
        };
        await check();
        await reopen();
        await check();
      });
    });

    describe('latest', () => {
      it('is latest by event time, whatever order readings come in', async () => {
        await append(
          messageOf({ deviceKey: 'd' }, { observedAt: dayStart + hour, values: { level: 2, battery: 3.5 } }),
        );
        await append(
          messageOf(
            { deviceKey: 'd', receivedAt: dayStart + 2 * hour },
            { observedAt: dayStart, values: { level: 1 } },
          ),
        );
        await append(messageOf({ deviceKey: 'e' }, { observedAt: dayStart, values: { level: 9 } }));
        const check = async () => {
          const latest = await store.latest(['d', 'e', 'stranger']);
          const byMetric = (key: string) =>
            Object.fromEntries((latest.get(key) ?? []).map((r) => [r.metric, [r.value, r.observedAt]]));
          expect(byMetric('d')).toEqual({ level: [2, dayStart + hour], battery: [3.5, dayStart + hour] });
          expect(byMetric('e')).toEqual({ level: [9, dayStart] });
          expect(latest.has('stranger')).toBe(false);
        };
        await check();
        await reopen();
        await check();
        await append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 2 * hour, values: { level: 3 } }));
        expect((await store.latest(['d'])).get('d')?.find((r) => r.metric === 'level')?.value).toBe(3);
      });
    });

    describe('range', () => {
      it('answers in order of event time, across days, half open', async () => {
        const times = [3 * dayMs, 0, dayMs, 2 * dayMs + hour, 5 * minute, dayMs - 1];
        for (const at of times)
          await append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at, values: { level: at } }));
        const query = { deviceKey: 'd', limit: 100 };
        const some = await store.range({ ...query, range: { from: dayStart, to: dayStart + 3 * dayMs } });
        expect(values(some)).toEqual([0, 5 * minute, dayMs - 1, dayMs, 2 * dayMs + hour]);
        expect(values(await store.range({ ...query, range: { from: dayStart + 1, to: dayStart + dayMs } }))).toEqual([
          5 * minute,
          dayMs - 1,
        ]);
        expect(await store.range({ ...query, deviceKey: 'stranger', range: always })).toEqual([]);
      });

      it('selects metrics', async () => {
        await append(messageOf({ deviceKey: 'd' }, { values: { level: 1, battery: 2, pressure: 3 } }));
        expect((await range('d', ['battery', 'pressure', 'unheard'])).map((r) => r.metric).sort()).toEqual([
          'battery',
          'pressure',
        ]);
        expect(await range('d', ['unheard'])).toEqual([]);
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
        await append(...messages);
        const seen: string[] = [];
        let after: { observedAt: number; metric: string; seq: number; messageId: string } | undefined;
        for (;;) {
          const page = await store.range({ deviceKey: 'd', range: always, limit, after });
          seen.push(...page.map((r) => `${r.metric} ${r.value}`));
          const last = page.at(-1);
          if (!last || page.length < limit) break;
          after = {
            observedAt: last.observedAt,
            metric: last.metric,
            seq: last.seq ?? withoutSequence,
            messageId: last.messageId,
          };
        }
        expect(seen).toHaveLength(24);
        expect(new Set(seen).size).toBe(24);
      });
    });

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
          await append(message);
        }
        const found = await store.downsample({
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
          await append(
            messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at * minute, values: { total: 100 + at } }),
          );
        }
        const found = await store.downsample({
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
          await append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + at * minute, values: { total: value } }));
        }
        const found = await store.downsample({
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
        await append(
          messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { occupied: true, state: 'open' } }),
        );
        await append(
          messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 1, values: { occupied: false, state: 'shut' } }),
        );
        const query = {
          deviceKeys: ['d'],
          range: { from: dayStart, to: dayStart + hour },
          stepMs: hour,
          originMs: dayStart,
        };
        const value = async (metric: string, aggregation: Aggregation) =>
          (await store.downsample({ ...query, metric, aggregation })).get('d')?.[0]?.value;
        expect(await value('occupied', 'mean')).toBe(0.5);
        expect(await value('state', 'count')).toBe(2);
        expect(await value('state', 'last')).toBeNull();
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
          await append(frame(index, index === 5 ? { outcome: 'rejected', reason: 'checksum' } : {}));
        await append(frame(3, { deviceKey: 'e' }));
        const seen: number[] = [];
        let before: { receivedAt: number; messageId: string } | undefined;
        for (;;) {
          const page = await store.frames({ deviceKey: 'd', range: always, limit: 7, before });
          seen.push(...page.map((f) => f.bytes[1] ?? -1));
          before = page.at(-1);
          if (page.length < 7) break;
        }
        expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => 29 - index));
        const [fifth] = await store.frames({
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
          outcome: 'rejected',
          reason: 'checksum',
          decoder: 'json@1',
          bytes: expect.any(Uint8Array),
        });
        expect([...(fifth?.bytes ?? [])]).toEqual([0x68, 5, 0, 255]);
      });

      it('finds one by its message, as it was processed last', async () => {
        await append(frame(1, { messageId: 'u.1.9.4' }));
        await append(frame(1, { messageId: 'u.1.9.4', productVersion: 2, decoder: 'codec@2' }));
        await append(frame(1, { messageId: 'u.1.9.5', frame: new Uint8Array(0) }));
        expect((await store.frame('d', 'u.1.9.5'))?.bytes).toHaveLength(0);
        expect(await store.frame('d', 'u.1.9.4')).toMatchObject({ productVersion: 2, decoder: 'codec@2' });
        expect(await store.frame('other', 'u.1.9.4')).toBeUndefined();
        expect(await store.frame('d', 'u.1.9.6')).toBeUndefined();
        expect(await store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(2);
      });
    });

    describe('deletion', () => {
      it('deletes whole days by age', async () => {
        for (let day = 0; day < 5; day += 1) {
          const at = dayStart + day * dayMs + hour;
          const many = Array.from({ length: 300 }, (_, index) =>
            messageOf({ deviceKey: index === 0 ? 'd' : `other-${index}` }, { observedAt: at, values: { level: day } }),
          );
          await append(...many);
        }
        await append(messageOf({ deviceKey: 'old' }, { observedAt: dayStart, values: { level: 1 } }));
        expect(await store.deleteBefore(dayStart + 2 * dayMs + 5 * hour)).toBe(2);
        const check = async () => {
          expect(values(await range('d'))).toEqual([2, 3, 4]);
          expect(await store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(3);
          expect(await range('old')).toEqual([]);
          expect((await store.latest(['old'])).size).toBe(0);
          expect(values((await store.latest(['d'])).get('d') ?? [])).toEqual([4]);
        };
        await check();
        await reopen();
        await check();
        expect(await store.deleteBefore(dayStart + 2 * dayMs)).toBe(0);
      });

      it('empties the store for a rebuild from the stream', async () => {
        await append(messageOf({ deviceKey: 'd' }, { values: { level: 1 } }));
        await store.clear();
        expect(await store.positions()).toEqual([]);
        expect(await range('d')).toEqual([]);
        expect((await store.latest(['d'])).size).toBe(0);
        expect(await store.frames({ deviceKey: 'd', range: always, limit: 10 })).toEqual([]);
        position = 0;
        await append(messageOf({ deviceKey: 'd' }, { values: { level: 1 } }));
        await reopen();
        expect(values(await range('d'))).toEqual([1]);
        expect(values((await store.latest(['d'])).get('d') ?? [])).toEqual([1]);
      });
    });

    it('has all it acknowledged, once, after SIGKILL in the middle of appends', async () => {
      await store.stop();
      const acknowledged = await appendUntilKilled(harness.crashScript, dataDir, 40);
      store = await harness.open(dataDir);
      const [reached] = await store.positions();
      expect(reached?.position).toBeGreaterThanOrEqual(acknowledged);
      for (let next = acknowledged; next <= acknowledged + 3; next += 1) await store.append([crashBatch(next)]);
      const found = await store.range({ deviceKey: 'crash', range: always, limit: 10_000 });
      const last = Math.max(acknowledged + 3, reached?.position ?? 0);
      expect(values(found)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
      expect(values((await store.latest(['crash'])).get('crash') ?? [])).toEqual([last]);
    });
  });
}

function appendUntilKilled(script: URL, dataDir: string, count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(script, [dataDir], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let acknowledged = 0;
    child.on('message', (position) => {
      acknowledged = position as number;
      if (acknowledged === count) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('exit', (_code, signal) =>
      signal === 'SIGKILL' ? resolve(acknowledged) : reject(new Error('the crash script ended by itself')),
    );
  });
}
