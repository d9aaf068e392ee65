import { describe, expect, it } from '@jest/globals';
import { filtersIn, queryOf } from './query-filters.js';

describe('filters in the address of a page', () => {
  const names = ['stage', 'reason'] as const;

  it.each([
    [{}, { stage: '', reason: '' }, {}],
    [{ stage: 'rules' }, { stage: 'rules', reason: '' }, { stage: 'rules' }],
    [{ stage: ['rules', 'alerts'], other: '1' }, { stage: 'rules', reason: '' }, { stage: 'rules' }],
    [{ stage: null, reason: [] }, { stage: '', reason: '' }, {}],
  ])('%j', (query, filters, back) => {
    expect(filtersIn(query, names)).toEqual(filters);
    expect(queryOf(filters)).toEqual(back);
  });
});
