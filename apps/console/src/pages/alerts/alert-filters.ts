import { type Severity, severities } from '../../parts/vocabulary.js';

export const alertStatuses = ['open', 'acknowledged', 'cleared'] as const;
export type AlertStatus = (typeof alertStatuses)[number];

/** What the list of alerts is limited to. It lives in the address, so that it can be kept, sent and gone back to. */
export interface AlertFilters {
  status: AlertStatus[];
  severity: Severity[];
  device: string;
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
  rule: '',
  mine: false,
  from: '',
  to: '',
};

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
    rule: text('rule'),
    mine: text('mine') === '1',
    from: time('from'),
    to: time('to'),
  };
}

/** The filters as an address keeps them: only what differs from the inbox. */
export function queryOf(filters: AlertFilters): Record<string, string> {
  const { status, severity, device, rule, mine, from, to } = filters;
  const query: Record<string, string> = {};
  if (status.length === 0) query.status = 'all';
  else if (status.join() !== inbox.status.join()) query.status = status.join(',');
  if (severity.length > 0) query.severity = severity.join(',');
  if (device) query.device = device;
  if (rule) query.rule = rule;
  if (mine) query.mine = '1';
  if (from) query.from = from;
  if (to) query.to = to;
  return query;
}

/** The filters as the API takes them. */
export function apiQueryOf(filters: AlertFilters, me: string | undefined) {
  return {
    status: filters.status.length > 0 ? filters.status : undefined,
    severity: filters.severity.length > 0 ? filters.severity : undefined,
    device: filters.device || undefined,
    rule: filters.rule || undefined,
    assignee: filters.mine ? me : undefined,
    from: filters.from || undefined,
    to: filters.to || undefined,
  };
}
