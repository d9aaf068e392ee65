import { describe, expect, it } from '@jest/globals';
import { qualityFlags } from '#libs/contracts';
import { always, type ContractRun, dayMs, hour, keeping, values } from './contract-run.js';
import { batchOf, dayStart, messageOf } from './messages.js';

/** What is appended is stored once, as it was, under its identity. */
export function describeAppend(run: ContractRun): void {
  describe('append', () => {
    it('stores an entry once, however often it comes', async () => {
      const entry = batchOf([messageOf({ deviceKey: 'd' }, { values: { level: 1 } })], { position: 5 });
      await run.store.append([entry]);
      await Promise.all([run.store.append([entry]), run.store.append([entry])]);
      await run.reopen();
      await run.store.append([entry]);
      expect(values(await run.range('d'))).toEqual([1]);
      expect(await run.store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(1);
    });

    it('keeps the position of every lane and partition', async () => {
      const message = messageOf({ deviceKey: 'd' }, { values: { level: 1 } });
      await run.store.append([
        batchOf([message], { lane: 'urgent', partition: 3, position: 7 }),
        batchOf([message], { lane: 'bulk', partition: 3, position: 9 }),
      ]);
      await run.store.append([batchOf([], { lane: 'bulk', partition: 12, position: 2 })]);
      await run.reopen();
      expect((await run.store.positions()).sort((a, b) => a.position - b.position)).toMatchObject([
        { lane: 'bulk', partition: 12, position: 2 },
        { lane: 'urgent', partition: 3, position: 7 },
        { lane: 'bulk', partition: 3, position: 9 },
      ]);
    });

    it('counts what it stores, since ever, and once', async () => {
      const message = messageOf({ deviceKey: 'd' }, { values: { level: 1 } });
      const rejected = messageOf({ deviceKey: 'd', outcome: 'rejected', reason: 'bad' });
      const first = batchOf([message, rejected], { position: 1 });
      const second = batchOf([message, message, rejected], { position: 2, messagesBefore: 2 });
      await run.store.append([first, second]);
      await run.store.append([second]);
      const place = { lane: 'bulk', partition: 0, refused: 0 };
      expect(await run.store.positions()).toEqual([{ ...place, position: 2, passed: 5, messages: 5, rejected: 2 }]);
      await run.reopen();
      // An entry of ten messages never came.
      await run.store.append([batchOf([message], { position: 4, messagesBefore: 15 })]);
      const now = { ...place, position: 4, passed: 16, messages: 6, rejected: 2 };
      expect(await run.store.positions()).toEqual([now]);
      await run.store.deleteBefore(keeping(dayStart + 3 * dayMs));
      await run.reopen();
      expect(await run.store.positions()).toEqual([now]);
    });

    it('refuses an entry it cannot read, and only that', async () => {
      const good = batchOf([messageOf({ deviceKey: 'good' }, { values: { level: 1 } })], {
        partition: 1,
        position: 1,
      });
      const bad = {
        lane: 'bulk' as const,
        partition: 2,
        position: 1,
        messagesBefore: 0,
        data: Buffer.from('nonsense'),
      };
      const outcomes = await Promise.allSettled([run.store.append([good]), run.store.append([bad])]);
      expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected']);
      expect(values(await run.range('good'))).toEqual([1]);
      expect(await run.store.positions()).toMatchObject([{ lane: 'bulk', partition: 1, position: 1 }]);
    });

    it('keeps two metrics at one time stamp apart', async () => {
      await run.append(messageOf({ deviceKey: 'd', receivedAt: dayStart }, { values: { level: 1, battery: 3.6 } }));
      await run.append(messageOf({ deviceKey: 'd', receivedAt: dayStart }, { values: { pressure: 2 } }));
      const found = await run.range('d');
      expect(Object.fromEntries(found.map((r) => [r.metric, r.value]))).toEqual({
        level: 1,
        battery: 3.6,
        pressure: 2,
      });
    });

    it('keeps every type of value', async () => {
      const nested = { lamps: [{ on: true }], note: '路灯' };
      await run.append(
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
      const found = Object.fromEntries((await run.range('d')).map((r) => [r.metric, r.value]));
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
      const latest = await run.store.latest(['d']);
      expect(Object.fromEntries((latest.get('d') ?? []).map((r) => [r.metric, r.value]))).toEqual(expected);
    });

    it('gives back all that is known of a reading', async () => {
      const report = { observedAt: dayStart + 1, deviceTime: 12, seq: 7, revision: 2, values: { level: 1.5 } };
      const message = messageOf({ deviceKey: 'd', receivedAt: dayStart + 5, messageId: 'u.3.1542.7' }, report);
      const reading = message.reports[0]?.readings[0];
      if (reading) reading.quality = qualityFlags.clock_suspect;
      await run.append(message);
      const [found] = await run.range('d');
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
      expect((await run.store.latest(['d'])).get('d')).toEqual([found]);
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
    const cases: { name: string; stored: [number, number, number?][]; sameMessage?: boolean; expected: number[] }[] = [
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
        await run.append(messageOf({ deviceKey: 'd', ...(messageId && { messageId }) }, report(revision, value, seq)));
      }
      const check = async () => {
        expect(values(await run.range('d'))).toEqual(expected);
        expect(values((await run.store.latest(['d'])).get('d') ?? [])).toEqual(expected.slice(-1));
        const counted = await run.store.downsample({
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
      await run.reopen();
      await check();
    });
  });
}
