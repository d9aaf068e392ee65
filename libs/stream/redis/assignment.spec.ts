import { describe, expect, it } from '@jest/globals';
import { assignPartitions } from './assignment.js';

const names = (count: number) => Array.from({ length: count }, (_, number) => `member-${number}`);

/** How many partitions have another owner. */
function moved(before: Map<string, Set<number>>, after: Map<string, Set<number>>): number {
  let count = 0;
  for (const [member, share] of after) for (const partition of share) if (!before.get(member)?.has(partition)) count++;
  return count;
}

describe('assignPartitions', () => {
  for (const members of [1, 2, 3, 5, 7, 10, 64, 70]) {
    it(`gives each of 64 partitions to one of ${members}, in shares that differ by one at most`, () => {
      const shares = [...assignPartitions(names(members), 64).values()];
      const all = shares.flatMap((share) => [...share]);
      expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, partition) => partition));
      const sizes = shares.map(({ size }) => size);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    });
  }

  it('does not depend on the order in which members are known', () => {
    expect(assignPartitions(names(5).reverse(), 64)).toEqual(assignPartitions(names(5), 64));
  });

  it('moves few partitions when a member comes or goes', () => {
    for (let count = 2; count < 9; count++) {
      const [few, more] = [assignPartitions(names(count), 64), assignPartitions(names(count + 1), 64)];
      expect(moved(few, more)).toBeLessThanOrEqual((64 / (count + 1)) * 2 + 2);
      expect(moved(more, few)).toBeLessThanOrEqual((64 / (count + 1)) * 2 + 2);
    }
  });

  it('gives nobody anything where there is nobody', () => {
    expect(assignPartitions([], 64).size).toBe(0);
  });
});
