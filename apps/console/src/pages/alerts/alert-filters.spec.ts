import { describe, expect, it } from '@jest/globals';
import { type AlertFilters, apiQueryOf, filtersOf, inbox, queryOf } from './alert-filters.js';

describe('the filters of alerts', () => {
  it.each<[string, Partial<AlertFilters>, Record<string, string>]>([
    ['the inbox', {}, {}],
    ['any status', { status: [] }, { status: 'all' }],
    ['one status', { status: ['cleared'] }, { status: 'cleared' }],
    ['severities', { severity: ['critical', 'major'] }, { severity: 'critical,major' }],
    ['a device', { device: 'smoke-1' }, { device: 'smoke-1' }],
    ['a product', { product: 'water-meter' }, { product: 'water-meter' }],
    ['a domain', { domain: 'fire' }, { domain: 'fire' }],
    ['an area', { area: '5203' }, { area: '5203' }],
    ['a rule', { rule: 'fire-alarm' }, { rule: 'fire-alarm' }],
    ['what is mine', { mine: true }, { mine: '1' }],
    [
      'a span',
      { from: '2026-11-27T00:00:00.000Z', to: '2026-11-28T00:00:00.000Z' },
      { from: '2026-11-27T00:00:00.000Z', to: '2026-11-28T00:00:00.000Z' },
    ],
  ])('keep %s in an address and find it again', (_name, change, query) => {
    const filters = { ...inbox, ...change };
    expect(queryOf(filters)).toEqual(query);
    expect(filtersOf(query)).toEqual(filters);
  });

  it.each([
    ['unknown words', { status: 'burning', severity: 'loud', from: 'yesterday', mine: 'yes', area: 'downtown' }],
    ['empty words', { status: '', severity: null, device: null, from: '' }],
    ['lists', { status: ['x', 'open'], device: [null, 'a'] }],
  ])('take %s for nothing said', (_name, query) => {
    expect(filtersOf(query)).toEqual(inbox);
  });

  it('become what the API takes', () => {
    expect(apiQueryOf(inbox, 'u1')).toEqual({ status: ['open', 'acknowledged'] });
    expect(apiQueryOf({ ...inbox, status: [], mine: true, domain: 'fire', area: '5203' }, 'u1')).toEqual({
      assignee: 'u1',
      domain: 'fire',
      area: '5203',
    });
  });
});
