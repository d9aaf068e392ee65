import { describe, expect, it } from '@jest/globals';
import { apiQueryOf, filtersOf, queryOf, tagOf } from './device-filters.js';

describe('the filters of devices', () => {
  it.each([
    [{}],
    [{ q: 'meter' }],
    [{ product: 'water-meter', area: '5203' }],
    [{ tag: 'district:huichuan', status: 'disabled', online: 'no' }],
  ])('%j are kept in an address and found again', (query) => {
    expect(queryOf(filtersOf(query))).toEqual(query);
  });

  it.each([[{ status: 'lost' }], [{ online: 'maybe' }], [{ q: null }], [{ product: [] }]])(
    '%j says nothing',
    (query) => {
      expect(queryOf(filtersOf(query))).toEqual({});
    },
  );

  it('become what the API takes', () => {
    expect(apiQueryOf(filtersOf({ online: 'no' }))).toEqual({ online: false });
    expect(apiQueryOf(filtersOf({ q: 'a', online: 'yes' }))).toEqual({ q: 'a', online: true });
  });
});

describe('tagOf', () => {
  it.each([
    ['district:huichuan', { key: 'district', value: 'huichuan' }],
    [' 片区 : 汇川区 ', { key: '片区', value: '汇川区' }],
    ['a:b:c', { key: 'a', value: 'b:c' }],
    ['district', undefined],
    ['district:', undefined],
    [':x', undefined],
    ['', undefined],
  ])('%j', (text, tag) => {
    expect(tagOf(text)).toEqual(tag);
  });
});
