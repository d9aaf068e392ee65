import { describe, expect, it } from '@jest/globals';
import type { StreamLog } from '../stream.port.js';
import { contractScene, entry, type OpenLog, owed, sourceOf, until } from './contract-scene.js';

/** What a group of one member may rely on, whatever the engine. */
export function describeMembership(open: OpenLog): void {
  const scene = contractScene(open);

  const join = async (log: StreamLog, group = 'stage') => {
    const granted: number[] = [];
    const membership = await log.join('raw', group, {
      granted: (partition) => void granted.push(partition),
      revoked: () => Promise.resolve(),
      lost: () => undefined,
    });
    await until(() => granted.length >= log.partitions);
    return { membership, granted };
  };

  describe('a member alone in its group', () => {
    it('owns every partition once, and its commits are kept', async () => {
      const { log } = await scene.open();
      await log.registerGroup('raw', 'stage');
      await log.append([entry('a', { partition: 1 }), entry('b', { partition: 1 })]);
      const { granted } = await join(log);
      expect([...granted].sort()).toEqual([0, 1, 2, 3]);
      const source = sourceOf({ partition: 1 });
      await log.commit({ source, upTo: 1, append: [entry('out', { stream: 'readings' })], state: [] });
      expect(await owed(log, source)).toEqual(['b']);
      expect(await owed(log, sourceOf({ stream: 'readings' }))).toEqual(['out']);
    });

    it('goes on where it left, after leaving and joining again', async () => {
      const { log, another } = await scene.open();
      await log.append([entry('a'), entry('b')]);
      const { membership } = await join(log);
      await log.commit({ source: sourceOf(), upTo: 1, append: [], state: [{ key: 'k', value: Buffer.from('v') }] });
      await membership.leave();
      const other = await another();
      const { granted } = await join(other);
      expect([...granted].sort()).toEqual([0, 1, 2, 3]);
      expect(await owed(other, sourceOf())).toEqual(['b']);
      expect(await other.readState('stage', 0, ['k'])).toEqual([Buffer.from('v')]);
      await other.commit({ source: sourceOf(), upTo: 2, append: [], state: [] });
      expect(await owed(other, sourceOf())).toEqual([]);
    });

    it('has nothing to do with other groups', async () => {
      const { log, another } = await scene.open();
      await log.append([entry('a')]);
      await join(log);
      const other = await another();
      await join(other, 'other');
      await log.commit({ source: sourceOf(), upTo: 1, append: [], state: [] });
      await other.commit({ source: sourceOf({ group: 'other' }), upTo: 1, append: [], state: [] });
      expect(await owed(other, sourceOf({ group: 'other' }))).toEqual([]);
    });
  });
}
