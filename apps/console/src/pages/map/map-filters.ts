import type { LocationQuery } from 'vue-router';
import { type DeviceState, deviceStates, type MapFleet } from '../../parts/fleet-map/map-fleet.js';
import { areaIn } from '../../parts/query-filters.js';

/** What the map shows. */
export interface MapFilters {
  products: string[];
  /** Division code, or the beginning of one; '' for all. */
  area: string;
  states: DeviceState[];
  /** Devices with an open alert only. */
  alertsOnly: boolean;
}

const listOf = (value: LocationQuery[string] | undefined) =>
  [value ?? []].flat().filter((item): item is string => typeof item === 'string' && item !== '');

/** The filters of an address. What it does not know is left out. */
export function filtersOf(query: LocationQuery): MapFilters {
  const [area = ''] = listOf(query.area);
  return {
    products: listOf(query.product),
    area: areaIn(area),
    states: listOf(query.state).filter((state): state is DeviceState =>
      (deviceStates as readonly string[]).includes(state),
    ),
    alertsOnly: query.alerts === 'open',
  };
}

/** The address of the filters: what is not limited is not named. */
export function queryOf({ products, area, states, alertsOnly }: MapFilters): Record<string, string | string[]> {
  return {
    ...(products.length > 0 && { product: products }),
    ...(area !== '' && { area }),
    ...(states.length > 0 && { state: states }),
    ...(alertsOnly && { alerts: 'open' }),
  };
}

/** For each device whether it is shown, and how many of those shown are in each state and have an alert. */
export function shownOf(fleet: MapFleet, { products, area, states, alertsOnly }: MapFilters) {
  const wanted = new Set(products);
  const product = fleet.products.map(({ id }) => wanted.size === 0 || wanted.has(id));
  const areas = fleet.areas.map((code) => code.startsWith(area));
  const state = deviceStates.map((name) => states.length === 0 || states.includes(name));
  const shown = new Uint8Array(fleet.size);
  const counts = { total: 0, alerts: 0, states: deviceStates.map(() => 0) };
  for (let index = 0; index < fleet.size; index++) {
    const its = fleet.state[index] as number;
    if (!state[its] || !product[fleet.product[index] as number] || !areas[fleet.area[index] as number]) continue;
    const hasAlert = fleet.hasAlert(index);
    if (alertsOnly && !hasAlert) continue;
    shown[index] = 1;
    counts.total++;
    if (hasAlert) counts.alerts++;
    counts.states[its] = (counts.states[its] ?? 0) + 1;
  }
  return { shown, counts };
}
