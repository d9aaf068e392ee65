import { type Severity, severities } from '../../parts/vocabulary.js';

export const alertStatuses = ['open', 'acknowledged', 'cleared'] as const;
export type AlertStatus = (typeof alertStatuses)[number];

/** What the list of alerts is limited to. It lives in the address, so that it can be kept, sent and gone back to. */
export interface AlertFilters {
  status: AlertStatus[];
  severity: Severity[];
  device: string;
  /** Of the device: its product, the product's domain, and the division code of where it is, or the beginning of one. */
  product: string;
  domain: string;
  area: string;
  rule: string;
  /** Only what I see to. */
  mine: boolean;
  /** Opened in this span; RFC 3339, empty where it is open. */
  from: string;
  to: string;
}

/** What a duty desk begins with: everything that is not over. */
export const inbox: AlertFilters = {
  status: ['open', 'acknowledged'],
  severity: [],
  device: '',
  product: '',
  domain: '',
  area: '',
  rule: '',
  mine: false,
  from: '',
  to: '',
};

/** The filters that are a word, the same in the address and for the API. */
const words = ['device', 'product', 'domain', 'area', 'rule', 'from', 'to'] as const;

type Query = Record<string, string | null | (string | null)[] | undefined>;

/** The filters in an address; what is not understood counts as not said. `status=all` means any. */
export function filtersOf(query: Query): AlertFilters {
  const text = (key: string) => {
    const value = query[key];
    return (Array.isArray(value) ? value[0] : value) ?? '';
  };
  const several = <T extends string>(key: string, known: readonly T[]) =>
    known.filter((value) => text(key).split(',').includes(value));
  const time = (key: string) => (Number.isNaN(Date.parse(text(key))) ? '' : new Date(text(key)).toISOString());
  const status = several('status', alertStatuses);
  return {
    status: text('status') === 'all' ? [] : status.length > 0 ? status : inbox.status,
    severity: several('severity', severities),
    device: text('device'),
    product: text('product'),
    domain: text('domain'),
    area: /^\d{2,6}$/.test(text('area')) ? text('area') : '',
    rule: text('rule'),
    mine: text('mine') === '1',
    from: time('from'),
    to: time('to'),
  };
}

/** The filters as an address keeps them: only what differs from the inbox. */
export function queryOf(filters: AlertFilters): Record<string, string> {
  const { status, severity, mine } = filters;
  const query: Record<string, string> = {};
  if (status.length === 0) query.status = 'all';
  else if (status.join() !== inbox.status.join()) query.status = status.join(',');
  if (severity.length > 0) query.severity = severity.join(',');
  for (const word of words) if (filters[word]) query[word] = filters[word];
  if (mine) query.mine = '1';
  return query;
}

/** The filters as the API takes them. */
export function apiQueryOf(filters: AlertFilters, me: string | undefined) {
  return {
    status: filters.status.length > 0 ? filters.status : undefined,
    severity: filters.severity.length > 0 ? filters.severity : undefined,
    ...Object.fromEntries(words.flatMap((word) => (filters[word] ? [[word, filters[word]]] : []))),
    assignee: filters.mine ? me : undefined,
  };
}
