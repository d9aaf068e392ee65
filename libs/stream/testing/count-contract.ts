import { describe, expect, it } from '@jest/globals';
import { encodeNotifications, type Notification } from '#libs/contracts';
import type { Append, MessageCounts, Source, StreamLog } from '../stream.port.js';
import { contractScene, entry, everything, type OpenLog, sourceOf } from './contract-scene.js';

const hourMs = 3_600_000;
const forever = Number.MAX_SAFE_INTEGER;
const message: Notification = { id: 'n', sequence: 1, tenantKey: 't', alertKey: 'a', type: 'y', at: 1, body: 'b' };

/** An entry of so many messages. */
function group(messages: number, place: Parameters<typeof entry>[1] = {}): Append {
  return { ...entry('', place), data: encodeNotifications(Array.from({ length: messages }, () => message)) };
}

async function countsOf(log: StreamLog, source: Source): Promise<MessageCounts | undefined> {
  const found = (await log.lag()).find(
    (lag) =>
      lag.stream === source.stream &&
      lag.group === source.group &&
      lag.lane === source.lane &&
      lag.partition === source.partition,
  );
  return found?.messages;
}

/** Messages are counted as they come and go, since ever. */
export function describeCounts(open: OpenLog): void {
  const scene = contractScene(open);

  describe('counts of messages', () => {
    it('are those of each entry, one for what is no group, place by place', async () => {
      const { log } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.append([group(3), entry('text'), group(300), group(7, { partition: 1 }), group(2, { lane: 'urgent' })]);
      await log.append([group(10)]);
      const entries = await log.read(sourceOf(), everything);
      expect(entries.map(({ messagesBefore }) => messagesBefore)).toEqual([0, 3, 4, 304]);
      const none = { acknowledged: 0, givenUp: 0 };
      expect(await countsOf(log, sourceOf())).toEqual({ appended: 314, entered: 314, ...none });
      expect(await countsOf(log, sourceOf({ partition: 1 }))).toEqual({ appended: 7, entered: 7, ...none });
      expect(await countsOf(log, sourceOf({ lane: 'urgent' }))).toEqual({ appended: 2, entered: 2, ...none });
      expect(await countsOf(log, sourceOf({ partition: 2 }))).toEqual({ appended: 0, entered: 0, ...none });
    });

    it('move with the acknowledgement, and keep what a stage gave up on', async () => {
      const { log } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.append([group(3), group(5), group(7)]);
      await log.commit({ source: sourceOf(), upTo: 1, append: [], state: [] });
      expect(await countsOf(log, sourceOf())).toMatchObject({ appended: 15, acknowledged: 3, givenUp: 0 });
      await log.commit({
        source: sourceOf(),
        upTo: 2,
        append: [entry('letter', { stream: 'dead' })],
        state: [],
        givenUp: 5,
      });
      expect(await countsOf(log, sourceOf())).toMatchObject({ acknowledged: 8, givenUp: 5 });
      await log.commit({
        source: sourceOf(),
        upTo: undefined,
        append: [],
        state: [{ key: 'k', value: Buffer.from('v') }],
      });
      await log.commit({ source: sourceOf(), upTo: 3, append: [], state: [] });
      expect(await countsOf(log, sourceOf())).toMatchObject({ appended: 15, acknowledged: 15, givenUp: 5 });
    });

    it('tell what a stage brought, here or in another partition, from what came into the flow', async () => {
      const { log } = await scene.open();
      for (const stream of ['raw', 'readings']) await log.registerGroup(stream, 'stage');
      await log.append([group(3), group(4, { stream: 'readings' })]);
      const readings = (partition: number) => group(3, { stream: 'readings', partition });
      await log.commit({ source: sourceOf(), upTo: 1, append: [readings(0), readings(0), readings(2)], state: [] });
      const of = (partition: number) => countsOf(log, sourceOf({ stream: 'readings', partition }));
      expect(await of(0)).toMatchObject({ appended: 10, entered: 4 });
      expect(await of(2)).toMatchObject({ appended: 3, entered: 0 });
    });

    it('outlive trimming and reopening', async () => {
      const { log, clock, reopen } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.append([group(3), group(5)]);
      await log.commit({ source: sourceOf(), upTo: 2, append: [], state: [], givenUp: 5 });
      await clock.advance(2 * hourMs);
      await log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: forever }]);
      expect(await countsOf(log, sourceOf())).toEqual({ appended: 8, entered: 8, acknowledged: 8, givenUp: 5 });
      const again = await reopen();
      await again.append([group(2)]);
      expect(await countsOf(again, sourceOf())).toEqual({ appended: 10, entered: 10, acknowledged: 8, givenUp: 5 });
      const [found] = await again.read(sourceOf(), everything);
      expect(found?.messagesBefore).toBe(8);
    });

    it('are right when several logs append at once', async () => {
      const { log, another } = await scene.open();
      const logs = [log, await another(), await another()];
      await log.registerGroup('raw', 'stage');
      await Promise.all(
        logs.map(async (one) => {
          for (let messages = 1; messages <= 20; messages++)
            await one.append([group(messages), group(1, { partition: 3 })]);
        }),
      );
      expect(await countsOf(log, sourceOf())).toMatchObject({ appended: 630, entered: 630 });
      expect(await countsOf(log, sourceOf({ partition: 3 }))).toMatchObject({ appended: 60 });
      const entries = await log.read(sourceOf(), everything);
      let sum = 0;
      for (const { messagesBefore, data } of entries) {
        expect(messagesBefore).toBe(sum);
        sum += data[2] === 0xdc ? ((data[3] as number) << 8) + (data[4] as number) : (data[2] as number) - 0x90;
      }
      expect(sum).toBe(630);
    });
  });
}
