import { describe, expect, it } from '@jest/globals';
import { encodeGroup, rowsIn } from './group.js';

const group = (rows: number) => encodeGroup(Array.from({ length: rows }, (_, row) => [row, 'text']));

describe('rowsIn', () => {
  it.each([0, 1, 15, 16, 17, 65_535, 65_536])('counts a group of %i', (rows) => {
    expect(rowsIn(group(rows))).toBe(rows);
  });

  it('counts in a view into larger memory', () => {
    for (const rows of [3, 300, 70_000]) {
      const memory = Buffer.concat([Buffer.alloc(5), group(rows), Buffer.alloc(5)]);
      expect(rowsIn(memory.subarray(5, memory.length - 5))).toBe(rows);
    }
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('no group')],
    ['a group cut off before its rows', group(3).subarray(0, 2)],
    ['a group cut off in its count', group(300).subarray(0, 4)],
    ['an array of two that begins otherwise', Buffer.from([0x92, 0xa1, 0x61, 0x93])],
    ['an object', Buffer.from([0x81, 0xa1, 0x61, 0x01])],
  ])('takes %s for one thing', (_what, entry) => {
    expect(rowsIn(entry)).toBe(1);
  });
});
