import { describe, expect, it } from '@jest/globals';
import {
  contractScene,
  entry,
  everything,
  kept,
  type OpenLog,
  owed,
  sourceOf,
  startOfTime,
  textsOf,
  until,
} from './contract-scene.js';

/** Appending and reading. */
export function describeAppends(open: OpenLog): void {
  const scene = contractScene(open);

  describe('appends', () => {
    it('number entries from 1 within a place, with their time', async () => {
      const { log } = await scene.open();
      await log.append([entry('a'), entry('b'), entry('other', { partition: 1 })]);
      await log.append([entry('c')]);
      const entries = await log.read(sourceOf(), everything);
      expect(entries.map(({ position }) => position)).toEqual([1, 2, 3]);
      expect(textsOf(entries)).toEqual(['a', 'b', 'c']);
      expect(entries[0]?.appendedAt).toBe(startOfTime);
      expect(await kept(log, { partition: 1 })).toEqual(['other']);
    });

    it('keep the order in which one caller hands them over', async () => {
      const { log } = await scene.open();
      const texts = Array.from({ length: 300 }, (_, number) => String(number));
      await Promise.all(texts.map((text) => log.append([entry(text)])));
      expect(await kept(log)).toEqual(texts);
    });

    it('keep lanes, partitions and streams apart', async () => {
      const { log } = await scene.open();
      await log.append([
        entry('bulk'),
        entry('urgent', { lane: 'urgent' }),
        entry('third', { partition: 3 }),
        entry('reading', { stream: 'readings' }),
        entry('rawer', { stream: 'raw-er' }),
      ]);
      expect(await kept(log)).toEqual(['bulk']);
      expect(await kept(log, { lane: 'urgent' })).toEqual(['urgent']);
      expect(await kept(log, { partition: 3 })).toEqual(['third']);
      expect(await kept(log, { stream: 'readings' })).toEqual(['reading']);
      expect(await kept(log, { stream: 'raw-er' })).toEqual(['rawer']);
    });

    it('keep all of a call or none of it', async () => {
      const { log } = await scene.open();
      await expect(log.append([entry('good'), entry('bad', { partition: 4 })])).rejects.toThrow(/partition 4/);
      await expect(log.append([entry('good'), entry('bad', { stream: 'No Name' })])).rejects.toThrow(/name/);
      expect(await kept(log)).toEqual([]);
    });

    it('take empty, odd and large entries as they are', async () => {
      const { log } = await scene.open();
      const sizes = [0, 1, 7, 100, 2_000, 4_096, 40_000, 70_001, 1_048_577];
      await log.append(
        sizes.map((size) => ({
          stream: 'raw',
          lane: 'bulk' as const,
          partition: 0,
          data: Buffer.alloc(size, size % 251),
        })),
      );
      const entries = await log.read(sourceOf(), everything);
      expect(entries.map(({ data }) => data.byteLength)).toEqual(sizes);
      expect(entries.every(({ data }, index) => data.every((byte) => byte === (sizes[index] as number) % 251))).toBe(
        true,
      );
    });

    it('are there after reopening, and the numbering goes on', async () => {
      const { log, reopen } = await scene.open();
      await log.append([entry('a'), entry('b')]);
      const again = await reopen();
      await again.append([entry('c')]);
      const entries = await again.read(sourceOf(), everything);
      expect(entries.map(({ position }) => position)).toEqual([1, 2, 3]);
      expect(textsOf(entries)).toEqual(['a', 'b', 'c']);
    });

    it('of several logs at once have no holes and keep the order of each', async () => {
      const { log, another } = await scene.open();
      const logs = [log, await another(), await another()];
      const count = 40;
      await Promise.all(
        logs.map(async (one, index) => {
          for (let number = 0; number < count; number++) {
            await one.append([entry(`${index} ${number}`), entry(`${index} ${number}`, { partition: 2 })]);
          }
        }),
      );
      for (const partition of [0, 2]) {
        const entries = await log.read(sourceOf({ partition }), everything);
        expect(entries.map(({ position }) => position)).toEqual(entries.map((_, index) => index + 1));
        for (const index of logs.keys()) {
          const own = textsOf(entries).filter((text) => text.startsWith(`${index} `));
          expect(own).toEqual(Array.from({ length: count }, (_, number) => `${index} ${number}`));
        }
      }
    });
  });

  describe('room that has ended for intake', () => {
    it('refuses what intake brings, and takes what the platform passes on, as it takes commits', async () => {
      const { crowded } = await scene.open();
      const log = await crowded();
      await log.registerGroup('raw', 'stage');
      const refusal = async () => {
        try {
          await log.append([entry('from outside')]);
          return undefined;
        } catch (error) {
          return error;
        }
      };
      await until(async () => (await refusal()) !== undefined);
      expect(await refusal()).toMatchObject({ code: 'stream_unavailable', retryable: true });
      await log.append([entry('an alarm', { stream: 'notifications' })], 'platform');
      await log.append([entry('its own')], 'platform');
      expect((await kept(log)).at(-1)).toBe('its own');
      expect(await kept(log, { stream: 'notifications' })).toEqual(['an alarm']);
      const out = [entry('out', { stream: 'readings' })];
      await log.commit({ source: sourceOf(), upTo: 1, append: out, state: [] });
      // Whoever appends it, it enters the flow there: no stage has made it.
      const [place] = (await log.lag()).filter(({ lane, partition }) => lane === 'bulk' && partition === 0);
      expect(place?.messages.entered).toBe(place?.messages.appended);
    });
  });

  describe('reads', () => {
    it('give at most maxEntries, about maxBytes and never less than one entry, from after a position on', async () => {
      const { log } = await scene.open();
      await log.append(['a', 'b', 'c', 'd'].map((text) => entry(text.repeat(1_000))));
      const read = async (options: { after?: number; maxEntries: number; maxBytes: number }) =>
        (await log.read(sourceOf(), options)).map(({ position }) => position);
      expect(await read({ maxEntries: 2, maxBytes: 1_000_000 })).toEqual([1, 2]);
      expect(await read({ maxEntries: 10, maxBytes: 1 })).toEqual([1]);
      expect(await read({ maxEntries: 10, maxBytes: 1_500 })).toEqual([1, 2]);
      expect(await read({ after: 3, maxEntries: 10, maxBytes: 1_000_000 })).toEqual([4]);
      expect(await read({ after: 4, maxEntries: 10, maxBytes: 1_000_000 })).toEqual([]);
    });

    it('see what another log has appended as soon as its append resolves', async () => {
      const { log, another } = await scene.open();
      const other = await another();
      for (const text of ['a', 'b', 'c']) {
        await other.append([entry(text)]);
        expect((await owed(log, sourceOf())).at(-1)).toBe(text);
      }
    });

    it('may be kept: later reads and appends do not change them', async () => {
      const { log } = await scene.open();
      await log.append([entry('first'), entry('x'.repeat(50_000))]);
      const before = await log.read(sourceOf(), everything);
      await log.append(Array.from({ length: 200 }, (_, number) => entry(`later ${number}`.repeat(300))));
      await log.read(sourceOf(), everything);
      expect(textsOf(before)).toEqual(['first', 'x'.repeat(50_000)]);
    });
  });

  describe('tails', () => {
    it('give what is appended from now on, in order, by whichever log, until stopped', async () => {
      const { log, another } = await scene.open();
      const other = await another();
      await log.append([entry('before')]);
      const seen: string[] = [];
      const stop = log.tail('raw', ({ data, position, lane, partition }) => {
        seen.push(`${lane}/${partition}/${position} ${Buffer.from(data).toString()}`);
      });
      await log.append([entry('a'), entry('b')]);
      await other.append([entry('c'), entry('elsewhere', { stream: 'readings' })]);
      await until(() => seen.length === 3);
      expect(seen).toEqual(['bulk/0/2 a', 'bulk/0/3 b', 'bulk/0/4 c']);
      await other.append([entry('u', { lane: 'urgent', partition: 3 })]);
      await until(() => seen.length === 4);
      expect(seen[3]).toBe('urgent/3/1 u');
      stop();
      await log.append([entry('after')]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(seen).toHaveLength(4);
    });

    it('survive a listener that throws', async () => {
      const { log } = await scene.open();
      const seen: string[] = [];
      log.tail('raw', ({ data }) => {
        const text = Buffer.from(data).toString();
        seen.push(text);
        if (text === 'bad') throw new Error('listener');
      });
      await log.append([entry('bad'), entry('good')]);
      await until(() => seen.includes('good'));
      expect(seen).toEqual(['bad', 'good']);
    });
  });

  describe('waitForAppend', () => {
    it('wakes for its streams, also for what came between two calls, and names the places', async () => {
      const { log, another } = await scene.open();
      const other = await another();
      const stop = new AbortController();
      const wait = () => log.waitForAppend(['raw'], 10_000, stop.signal);
      expect(await wait()).toBeUndefined();
      const waiting = wait();
      await log.append([entry('a', { partition: 2 })]);
      expect(await waiting).toEqual([{ stream: 'raw', lane: 'bulk', partition: 2 }]);
      await log.append([entry('b'), entry('c', { lane: 'urgent' })]);
      expect(await wait()).toHaveLength(2);
      await other.append([entry('d', { stream: 'readings' }), entry('e')]);
      expect(await wait()).toEqual([{ stream: 'raw', lane: 'bulk', partition: 0 }]);
      const aborted = wait();
      stop.abort();
      expect(await aborted).toEqual([]);
    });

    it('answers nothing after its time, and keeps waiters apart', async () => {
      const { log } = await scene.open();
      const [one, two] = [new AbortController(), new AbortController()];
      await log.waitForAppend(['raw'], 10_000, one.signal);
      await log.waitForAppend(['raw'], 10_000, two.signal);
      expect(await log.waitForAppend(['raw'], 5, one.signal)).toEqual([]);
      await log.append([entry('a')]);
      expect(await log.waitForAppend(['raw'], 10_000, one.signal)).toHaveLength(1);
      expect(await log.waitForAppend(['raw'], 10_000, two.signal)).toHaveLength(1);
      one.abort();
      two.abort();
    });
  });
}
