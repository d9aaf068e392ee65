import { areaIn, type Filters, filtersIn, type PageQuery, queryOf as setOnly } from '../../parts/query-filters.js';
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
const wordsOf = (filters: AlertFilters) =>
  setOnly(Object.fromEntries(words.map((word) => [word, filters[word]])) as Filters<(typeof words)[number]>);

/** The filters in an address; what is not understood counts as not said. `status=all` means any. */
export function filtersOf(query: PageQuery): AlertFilters {
  const said = filtersIn(query, [...words, 'status', 'severity', 'mine']);
  const among = <T extends string>(text: string, known: readonly T[]) =>
    known.filter((value) => text.split(',').includes(value));
  const time = (text: string) => (Number.isNaN(Date.parse(text)) ? '' : new Date(text).toISOString());
  const status = among(said.status, alertStatuses);
  return {
    ...said,
    status: said.status === 'all' ? [] : status.length > 0 ? status : inbox.status,
    severity: among(said.severity, severities),
    area: areaIn(said.area),
    mine: said.mine === '1',
    from: time(said.from),
    to: time(said.to),
  };
}

/** The filters as an address keeps them: only what differs from the inbox. */
export function queryOf(filters: AlertFilters): Record<string, string> {
  const { status, severity, mine } = filters;
  const query: Record<string, string> = wordsOf(filters);
  if (status.length === 0) query.status = 'all';
  else if (status.join() !== inbox.status.join()) query.status = status.join(',');
  if (severity.length > 0) query.severity = severity.join(',');
  if (mine) query.mine = '1';
  return query;
}

/** The filters as the API takes them. */
export function apiQueryOf(filters: AlertFilters, me: string | undefined) {
  return {
    status: filters.status.length > 0 ? filters.status : undefined,
    severity: filters.severity.length > 0 ? filters.severity : undefined,
    ...wordsOf(filters),
    assignee: filters.mine ? me : undefined,
  };
}
