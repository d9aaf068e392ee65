import { describe, expect, it } from '@jest/globals';
import { contractScene, entry, everything, kept, type OpenLog, owed, sourceOf } from './contract-scene.js';

const hourMs = 3_600_000;
const forever = Number.MAX_SAFE_INTEGER;

/** What trimming cuts, and what it never does. */
export function describeRetention(open: OpenLog): void {
  const scene = contractScene(open);

  describe('trimming', () => {
    it('cuts what is older than its time', async () => {
      const { log, clock } = await scene.open();
      await log.append([entry('old'), entry('old', { lane: 'urgent', partition: 3 })]);
      await clock.advance(2 * hourMs);
      await log.append([entry('new'), entry('new', { lane: 'urgent', partition: 3 })]);
      expect(await log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: forever }])).toBe(2);
      expect(await kept(log)).toEqual(['new']);
      expect(await kept(log, { lane: 'urgent', partition: 3 })).toEqual(['new']);
      expect(await log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: forever }])).toBe(0);
    });

    it('cuts the oldest above its bytes, wherever they are', async () => {
      const { log, clock } = await scene.open();
      for (const [index, partition] of [0, 1, 0, 1, 2].entries()) {
        await log.append([entry(`${index}`.repeat(10_000), { partition })]);
        await clock.advance(1_000);
      }
      await log.trim([{ stream: 'raw', maxAgeMs: forever, maxBytes: 31_000 }]);
      const firsts = async (partition: number) => (await kept(log, { partition })).map((text) => text[0]);
      expect([await firsts(0), await firsts(1), await firsts(2)]).toEqual([['2'], ['3'], ['4']]);
    });

    it('never passes what a registered group has not acknowledged', async () => {
      const { log, clock } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.registerGroup('raw', 'other');
      await log.append([entry('a'), entry('b'), entry('c')]);
      await clock.advance(10 * hourMs);
      const trim = () => log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: 1 }]);
      expect(await trim()).toBe(0);
      await log.commit({ source: sourceOf(), upTo: 3, append: [], state: [] });
      expect(await trim()).toBe(0);
      await log.commit({ source: sourceOf({ group: 'other' }), upTo: 2, append: [], state: [] });
      expect(await trim()).toBe(2);
      expect(await kept(log)).toEqual(['c']);
      expect(await owed(log, sourceOf({ group: 'other' }))).toEqual(['c']);
    });

    it('leaves positions as they are, also when all of a place goes and after reopening', async () => {
      const { log, clock, reopen } = await scene.open();
      await log.append([entry('a'), entry('b')]);
      await clock.advance(2 * hourMs);
      await log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: forever }]);
      expect(await kept(log)).toEqual([]);
      const again = await reopen();
      await again.append([entry('c')]);
      const [found] = await again.read(sourceOf(), everything);
      expect(found?.position).toBe(3);
    });

    it('cuts thousands of entries, and leaves other streams alone', async () => {
      const { log, clock } = await scene.open();
      await log.append(Array.from({ length: 2_500 }, (_, number) => entry(String(number))));
      await log.append([entry('kept', { stream: 'readings' })]);
      await clock.advance(2 * hourMs);
      expect(await log.trim([{ stream: 'raw', maxAgeMs: hourMs, maxBytes: forever }])).toBe(2_500);
      expect(await kept(log)).toEqual([]);
      expect(await kept(log, { stream: 'readings' })).toEqual(['kept']);
    });
  });
}
