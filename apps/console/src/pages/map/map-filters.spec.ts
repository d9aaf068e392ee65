import { describe, expect, it } from '@jest/globals';
import { MapFleet } from '../../parts/fleet-map/map-fleet.js';
import { filtersOf, type MapFilters, queryOf, shownOf } from './map-filters.js';

const none: MapFilters = { products: [], area: '', states: [], alertsOnly: false };

describe('the filters of the map', () => {
  it.each<[Record<string, string | string[]>, Partial<MapFilters>]>([
    [{}, {}],
    [{ product: 'water-meter' }, { products: ['water-meter'] }],
    [
      { product: ['a', 'b'], area: '5203' },
      { products: ['a', 'b'], area: '5203' },
    ],
    [
      { state: ['offline', 'disabled'], alerts: 'open' },
      { states: ['offline', 'disabled'], alertsOnly: true },
    ],
  ])('%j is read and written', (query, filters) => {
    expect(filtersOf(query)).toEqual({ ...none, ...filters });
    const written = queryOf({ ...none, ...filters });
    expect(filtersOf(written)).toEqual({ ...none, ...filters });
  });

  it.each<Record<string, string>>([{ area: 'x' }, { area: '5' }, { state: 'asleep' }, { alerts: 'x' }])(
    '%j is left out',
    (query) => {
      expect(filtersOf(query)).toEqual(none);
    },
  );

  it.each<[Partial<MapFilters>, number[], number]>([
    [{}, [1, 1, 1, 0], 1],
    [{ products: ['smoke'] }, [0, 0, 1, 0], 1],
    [{ area: '5203' }, [1, 0, 1, 0], 1],
    [{ states: ['offline'] }, [0, 1, 0, 0], 0],
    [{ alertsOnly: true }, [0, 0, 1, 0], 1],
    [{ products: ['smoke'], states: ['offline'] }, [0, 0, 0, 0], 0],
  ])('%j shows %j', (filters, shown, alerts) => {
    const fleet = new MapFleet({
      revision: 'a.1',
      products: ['meter', 'smoke'].map((id) => ({ id, name: { zh: id, en: id }, domain: 'x' })),
      areas: ['520302', '110101'],
      states: ['online', 'offline', 'never_seen', 'disabled', 'retired'],
      severities: ['critical', 'major', 'minor', 'warning', 'info'],
      devices: {
        id: ['a', 'b', 'c', 'gone'],
        longitude: [1, 2, 3, 4],
        latitude: [1, 2, 3, 4],
        product: [0, 0, 1, 1],
        area: [0, 1, 0, 0],
        state: [0, 1, 2, 4],
        severity: [5, 5, 2, 0],
      },
    });
    const found = shownOf(fleet, { ...none, ...filters });
    expect([...found.shown]).toEqual(shown);
    expect(found.counts.alerts).toBe(alerts);
    expect(found.counts.total).toBe(shown.filter((one) => one === 1).length);
  });
});
