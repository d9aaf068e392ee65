import { describe, expect, it } from '@jest/globals';
import { presets, seriesRows, stepFor } from './series-plan.js';

describe('stepFor', () => {
  it.each([
    [presets['1h'], 'PT1M'],
    [presets['6h'], 'PT1M'],
    [presets['24h'], 'PT5M'],
    [presets['7d'], 'PT1H'],
    [presets['30d'], 'PT6H'],
    [presets['365d'], 'P1D'],
    [10 * presets['365d'], 'P1W'],
    [0, 'PT1M'],
  ])('%d ms', (span, step) => {
    expect(stepFor(span)).toBe(step);
  });
});

describe('seriesRows', () => {
  it('puts series side by side, and leaves silence empty', () => {
    const rows = seriesRows([
      {
        name: 'a',
        buckets: [
          { at: '2026-01-01T00:00:00Z', value: 1 },
          { at: '2026-01-01T02:00:00Z', value: null },
        ],
      },
      { name: 'b', buckets: [{ at: '2026-01-01T01:00:00Z', value: 0 }] },
    ]);
    expect(rows).toEqual([
      ['time', 'a', 'b'],
      ['2026-01-01T00:00:00Z', 1, ''],
      ['2026-01-01T01:00:00Z', '', 0],
      ['2026-01-01T02:00:00Z', '', ''],
    ]);
  });
});
