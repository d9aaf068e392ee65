import { filtersIn, type PageQuery, queryOf as setOnly } from '../../parts/query-filters.js';

export const deviceStatuses = ['registered', 'active', 'disabled', 'retired'] as const;

/** What the list of devices is limited to. It lives in the address. */
export interface DeviceFilters {
  /** Beginning of the id, or part of the name. */
  q: string;
  product: string;
  /** Division code, or the beginning of one. */
  area: string;
  /** `key` or `key:value` */
  tag: string;
  status: (typeof deviceStatuses)[number] | '';
  online: 'yes' | 'no' | '';
}

/** The filters in an address; what is not understood counts as not said. */
export function filtersOf(query: PageQuery): DeviceFilters {
  const said = filtersIn(query, ['q', 'product', 'area', 'tag', 'status', 'online']);
  return {
    ...said,
    status: deviceStatuses.find((status) => status === said.status) ?? '',
    online: (['yes', 'no'] as const).find((word) => word === said.online) ?? '',
  };
}

/** The filters as an address keeps them: only what is said. */
export function queryOf(filters: DeviceFilters): Record<string, string> {
  return setOnly<keyof DeviceFilters>(filters);
}

/** The filters as the API takes them. */
export function apiQueryOf(filters: DeviceFilters) {
  return {
    q: filters.q || undefined,
    product: filters.product || undefined,
    area: filters.area || undefined,
    tag: filters.tag || undefined,
    status: filters.status || undefined,
    online: filters.online ? filters.online === 'yes' : undefined,
  };
}

/** A tag as people write it, `district:huichuan`; undefined for what is none. */
export function tagOf(text: string): { key: string; value: string } | undefined {
  const [, key, value] = /^\s*([^:\s][^:]{0,63}?)\s*:\s*(.{1,200}?)\s*$/.exec(text) ?? [];
  return key && value ? { key, value } : undefined;
}
