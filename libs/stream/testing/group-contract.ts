import { describe, expect, it } from '@jest/globals';
import type { StreamLog } from '../stream.port.js';
import { contractScene, entry, everything, kept, type OpenLog, owed, sourceOf } from './contract-scene.js';

/** Groups, acknowledgements and keyed state. */
export function describeGroups(open: OpenLog): void {
  const scene = contractScene(open);
  const acknowledge = (log: StreamLog, upTo: number, source = sourceOf()) =>
    log.commit({ source, upTo, append: [], state: [] });

  describe('groups', () => {
    it('are given the same entries until they commit, each group for itself', async () => {
      const { log, reopen } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.registerGroup('raw', 'stage');
      await log.append([entry('a'), entry('b'), entry('c')]);
      expect(await owed(log, sourceOf())).toEqual(['a', 'b', 'c']);
      expect(await owed(log, sourceOf())).toEqual(['a', 'b', 'c']);
      await acknowledge(log, 2);
      expect(await owed(log, sourceOf())).toEqual(['c']);
      expect(await owed(log, sourceOf({ group: 'other' }))).toEqual(['a', 'b', 'c']);
      const again = await reopen();
      expect(await owed(again, sourceOf())).toEqual(['c']);
    });

    it('acknowledge lanes and partitions apart', async () => {
      const { log } = await scene.open();
      await log.append([entry('a'), entry('u', { lane: 'urgent' }), entry('p', { partition: 1 })]);
      await acknowledge(log, 1);
      expect(await owed(log, sourceOf())).toEqual([]);
      expect(await owed(log, sourceOf({ lane: 'urgent' }))).toEqual(['u']);
      expect(await owed(log, sourceOf({ partition: 1 }))).toEqual(['p']);
    });

    it('never acknowledge backwards, nor what is not there', async () => {
      const { log } = await scene.open();
      await log.append([entry('a'), entry('b')]);
      await acknowledge(log, 2);
      await expect(acknowledge(log, 1)).rejects.toThrow(/acknowledging 1/);
      await expect(acknowledge(log, 3)).rejects.toThrow(/acknowledging 3/);
    });

    it('lag by what they have not acknowledged, and by its age', async () => {
      const { log, clock } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.append([entry('a')]);
      await clock.advance(4_000);
      await log.append([entry('b'), entry('c')]);
      await clock.advance(1_000);
      const lagOf = async () =>
        (await log.lag()).find(({ group, lane, partition }) => group === 'stage' && lane === 'bulk' && partition === 0);
      expect(await lagOf()).toMatchObject({ ...sourceOf(), acknowledged: 0, last: 3, ageMs: 5_000 });
      await acknowledge(log, 1);
      expect(await lagOf()).toMatchObject({ ...sourceOf(), acknowledged: 1, last: 3, ageMs: 1_000 });
      await acknowledge(log, 3);
      expect(await lagOf()).toMatchObject({ ...sourceOf(), acknowledged: 3, last: 3, ageMs: 0 });
      expect(await log.lag()).toHaveLength(8);
    });
  });

  describe('commits', () => {
    it('keep output, state and acknowledgement together', async () => {
      const { log, reopen } = await scene.open();
      await log.append([entry('a')]);
      await log.commit({
        source: sourceOf(),
        upTo: 1,
        append: [entry('out', { stream: 'readings', partition: 2 })],
        state: [{ key: 'k', value: Buffer.from('v') }],
      });
      const again = await reopen();
      expect(await owed(again, sourceOf())).toEqual([]);
      expect(await kept(again, { stream: 'readings', partition: 2 })).toEqual(['out']);
      expect(await again.readState('stage', 0, ['k'])).toEqual([Buffer.from('v')]);
    });

    it('keep nothing where a part cannot be kept', async () => {
      const { log } = await scene.open();
      await log.append([entry('a')]);
      const good = { source: sourceOf(), upTo: 1, append: [entry('out', { stream: 'readings' })] };
      const state = [{ key: 'k', value: Buffer.from('v') }];
      await expect(
        log.commit({ ...good, state: [...state, { key: 'x'.repeat(201), value: Buffer.from('v') }] }),
      ).rejects.toThrow(/longer than 200/);
      await expect(log.commit({ ...good, append: [entry('out', { partition: 9 })], state })).rejects.toThrow(
        /partition 9/,
      );
      await expect(log.commit({ ...good, upTo: 2, state })).rejects.toThrow(/acknowledging 2/);
      expect(await owed(log, sourceOf())).toEqual(['a']);
      expect(await kept(log, { stream: 'readings' })).toEqual([]);
      expect(await log.readState('stage', 0, ['k'])).toEqual([undefined]);
    });

    it('of a timer move no acknowledgement', async () => {
      const { log } = await scene.open();
      await log.append([entry('a'), entry('b')]);
      await acknowledge(log, 1);
      await log.commit({
        source: sourceOf(),
        upTo: undefined,
        append: [entry('tick', { stream: 'transitions' })],
        state: [{ key: 'k', value: Buffer.from('v') }],
      });
      expect(await owed(log, sourceOf())).toEqual(['b']);
      expect(await kept(log, { stream: 'transitions' })).toEqual(['tick']);
      expect(await log.readState('stage', 0, ['k'])).toEqual([Buffer.from('v')]);
    });

    it('of many sources at once are all kept', async () => {
      const { log } = await scene.open();
      const partitions = [0, 1, 2, 3];
      await log.append(partitions.flatMap((partition) => Array.from({ length: 50 }, () => entry('x', { partition }))));
      await Promise.all(
        partitions.map(async (partition) => {
          for (let upTo = 1; upTo <= 50; upTo++) {
            await log.commit({
              source: sourceOf({ partition }),
              upTo,
              append: [entry(String(upTo), { stream: 'readings', partition })],
              state: [{ key: 'count', value: Buffer.from(String(upTo)) }],
            });
          }
        }),
      );
      for (const partition of partitions) {
        expect(await kept(log, { stream: 'readings', partition })).toEqual(
          Array.from({ length: 50 }, (_, n) => String(n + 1)),
        );
        expect(await log.readState('stage', partition, ['count'])).toEqual([Buffer.from('50')]);
        expect(await owed(log, sourceOf({ partition }))).toEqual([]);
      }
    });
  });

  describe('state', () => {
    it('is read in the order asked, replaced, removed, and apart by group and partition', async () => {
      const { log } = await scene.open();
      const put = (group: string, partition: number, key: string, value: string | undefined) =>
        log.commit({
          source: sourceOf({ group, partition }),
          upTo: undefined,
          append: [],
          state: [{ key, value: value === undefined ? undefined : Buffer.from(value) }],
        });
      await put('stage', 0, 'a', 'one');
      await put('stage', 0, 'a', 'two');
      await put('stage', 0, '设备', 'three');
      await put('stage', 1, 'a', 'other partition');
      await put('stage-b', 0, 'a', 'other group');
      const read = async (group: string, partition: number, ...keys: string[]) =>
        (await log.readState(group, partition, keys)).map((value) => value && Buffer.from(value).toString());
      expect(await read('stage', 0, '设备', 'missing', 'a')).toEqual(['three', undefined, 'two']);
      expect(await read('stage', 1, 'a')).toEqual(['other partition']);
      expect(await read('stage-b', 0, 'a')).toEqual(['other group']);
      await put('stage', 0, 'a', undefined);
      await put('stage', 0, 'never there', undefined);
      expect(await read('stage', 0, 'a')).toEqual([undefined]);
    });

    it('takes an empty value for a value', async () => {
      const { log } = await scene.open();
      const state = [{ key: 'k', value: Buffer.alloc(0) }];
      await log.commit({ source: sourceOf(), upTo: undefined, append: [], state });
      expect((await log.readState('stage', 0, ['k']))[0]?.byteLength).toBe(0);
    });

    it('is scanned by prefix in key order, however much there is', async () => {
      const { log } = await scene.open();
      const names = Array.from({ length: 1_234 }, (_, number) => `d/${String(number).padStart(5, '0')}`);
      const others = ['c/1', 'd', 'e/1'];
      await log.commit({
        source: sourceOf(),
        upTo: undefined,
        append: [],
        state: [...names]
          .reverse()
          .concat(others)
          .map((key) => ({ key, value: Buffer.from(key) })),
      });
      const scan = async (prefix: string, partition = 0) => {
        const found: string[] = [];
        for await (const { key, value } of log.scanState('stage', partition, prefix)) {
          expect(Buffer.from(value).toString()).toBe(key);
          found.push(key);
        }
        return found;
      };
      expect(await scan('d/')).toEqual(names);
      expect(await scan('d/0001')).toEqual(names.slice(10, 20));
      expect(await scan('')).toHaveLength(names.length + others.length);
      expect(await scan('x')).toEqual([]);
      expect(await scan('', 1)).toEqual([]);
    });
  });

  it('everything is the same for a second log on the same data', async () => {
    const { log, another } = await scene.open();
    await log.append([entry('a'), entry('b')]);
    const other = await another();
    await other.commit({ source: sourceOf(), upTo: 1, append: [], state: [{ key: 'k', value: Buffer.from('v') }] });
    expect(await owed(log, sourceOf())).toEqual(['b']);
    expect(await log.readState('stage', 0, ['k'])).toEqual([Buffer.from('v')]);
    expect(await log.read(sourceOf(), { ...everything, after: 0 })).toHaveLength(2);
  });
}
