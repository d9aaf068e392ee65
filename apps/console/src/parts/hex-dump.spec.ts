import { describe, expect, it } from '@jest/globals';
import { hexDump } from './hex-dump.js';

const dump = (bytes: number[]) => hexDump(Buffer.from(bytes).toString('base64'));

describe('hexDump', () => {
  it('shows offset, bytes and text', () => {
    expect(dump([0x68, 0x10, 0x55, 0x16])).toBe(`0000  68 10 55 16${' '.repeat(38)}h.U.`);
    expect(dump(Array.from({ length: 17 }, (_, index) => 0x40 + index)).split('\n')).toEqual([
      '0000  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO',
      `0010  50${' '.repeat(47)}P`,
    ]);
  });

  it('is bounded, and says so', () => {
    const lines = dump(Array.from({ length: 5_000 }, () => 0xff)).split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([257, '… 904 B']);
    expect(dump([])).toBe('');
  });
});
