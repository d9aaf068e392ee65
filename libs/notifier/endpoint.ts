/** How an endpoint is doing. Times are epoch milliseconds. */
export interface EndpointHealth {
  status: 'validating' | 'active' | 'disabled';
  statusReason: string;
  health: 'unknown' | 'healthy' | 'failing';
  consecutiveFailures: number;
  lastSuccessAt: number | undefined;
  lastFailureAt: number | undefined;
  lastError: string | undefined;
  pausedUntil: number | undefined;
}

/** What one attempt, or its end, says of the endpoint. */
export interface EndpointNews {
  at: number;
  delivered: boolean;
  error: string;
  disable: boolean;
  pauseUntil: number | undefined;
  /** It was given up. */
  dead: boolean;
  sequence: number;
}

/** What operators, and a tenant's other endpoints, are told of. */
export interface EndpointEvent {
  kind: 'failing' | 'recovered' | 'disabled' | 'delivery_dead';
  at: number;
  detail: string;
}

/** What an endpoint wants to hear of; an empty list lets everything through. */
export interface EndpointFilter {
  eventTypes: readonly string[];
  severities: readonly string[];
  domains: readonly string[];
}

/** The CloudEvents types that there are. */
export const alertEventTypes = ['raised', 'escalated', 'acknowledged', 'assigned', 'commented', 'cleared'].map(
  (kind) => `cn.citysense.alert.${kind}`,
);
/** News of a tenant's endpoints, for those of its endpoints that name them. */
export const endpointEventTypes = ['failing', 'recovered', 'disabled', 'delivery_dead'].map(
  (kind) => `cn.citysense.endpoint.${kind}`,
);
export const testEventType = 'cn.citysense.endpoint.test';

/** Whether an endpoint wants a notification. News of endpoints must be asked for by name. */
export function wants(
  filter: EndpointFilter,
  notification: { type: string; severity: string | undefined; domain: string | undefined },
): boolean {
  const named = filter.eventTypes.includes(notification.type);
  if (!notification.type.startsWith('cn.citysense.alert.')) return named;
  return (
    (named || filter.eventTypes.length === 0) &&
    passes(filter.severities, notification.severity) &&
    passes(filter.domains, notification.domain)
  );
}

/** Applies news in order; `failingAfter` failures in a row make an endpoint failing. */
export function applyNews(
  before: EndpointHealth,
  news: readonly EndpointNews[],
  failingAfter: number,
): { after: EndpointHealth; events: EndpointEvent[] } {
  const after = { ...before };
  const events: EndpointEvent[] = [];
  for (const one of news) {
    if (one.delivered) {
      if (after.health === 'failing') {
        events.push({ kind: 'recovered', at: one.at, detail: `after ${after.consecutiveFailures} failed attempts` });
      }
      Object.assign(after, {
        health: 'healthy',
        consecutiveFailures: 0,
        lastSuccessAt: one.at,
        pausedUntil: undefined,
      });
      continue;
    }
    after.consecutiveFailures += 1;
    after.lastFailureAt = one.at;
    after.lastError = one.error;
    if (one.pauseUntil !== undefined) after.pausedUntil = Math.max(after.pausedUntil ?? 0, one.pauseUntil);
    if (after.health !== 'failing' && after.consecutiveFailures >= failingAfter) {
      after.health = 'failing';
      events.push({ kind: 'failing', at: one.at, detail: one.error });
    }
    if (one.disable && after.status !== 'disabled') {
      after.status = 'disabled';
      after.statusReason = 'it answered 410 Gone';
      events.push({ kind: 'disabled', at: one.at, detail: after.statusReason });
    }
    if (one.dead) events.push({ kind: 'delivery_dead', at: one.at, detail: `delivery ${one.sequence}: ${one.error}` });
  }
  return { after, events };
}

function passes(wanted: readonly string[], value: string | undefined): boolean {
  return wanted.length === 0 || (value !== undefined && wanted.includes(value));
}
