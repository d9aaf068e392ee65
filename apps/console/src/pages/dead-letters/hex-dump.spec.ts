import { describe, expect, it } from '@jest/globals';
import { hexDump } from './hex-dump.js';

describe('a hex dump', () => {
  it.each([
    ['', []],
    ['7b7d00ff', [{ offset: '00000000', hex: '7b 7d 00 ff', text: '{}..' }]],
    [
      '41'.repeat(17),
      [
        { offset: '00000000', hex: '41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41', text: 'A'.repeat(16) },
        { offset: '00000010', hex: '41', text: 'A' },
      ],
    ],
  ])('of %j', (hex, lines) => {
    expect(hexDump(hex)).toEqual(lines);
  });

  it('ends where nobody reads on', () => {
    expect(hexDump('00'.repeat(100_000))).toHaveLength(256);
  });
});
