import type { LocalName } from '#libs/devices';
import type { Alert, NotifiedKind, TimelineEntry } from './alert.js';

/** No body is larger, in bytes of UTF-8 (Standard Webhooks asks for under 20 KB; the notifier adds its sequence). */
export const maxBodyBytes = 19_000;

/** What consumers are told of the device that raised an alert. */
export interface DeviceFacts {
  id: string;
  name: string;
  product: { id: string; name: LocalName; domain: string };
  building: string | null;
  position: {
    latitude: number | null;
    longitude: number | null;
    address: string | null;
    areaCode: string | null;
  } | null;
}

/** The CloudEvents type of what happened: `cn.citysense.alert.raised` */
export function eventType(kind: NotifiedKind): string {
  return `cn.citysense.alert.${kind}`;
}

/** What a notification is made from. */
export interface BodyParts {
  id: string;
  source: string;
  publicUrl: string;
  kind: NotifiedKind;
  alert: Alert;
  entry: TimelineEntry;
  device: DeviceFacts | undefined;
  /** CloudEvents Distributed Tracing extension; undefined where nothing is traced. */
  traceparent?: string | undefined;
}

/**
 * The frozen body: CloudEvents 1.0 in JSON (structured mode). `time` is when the thing happened: for a rule the event
 * time of its evidence, for a person the moment of acting. Evidence that makes it too large is left out.
 */
export function notificationBody(parts: BodyParts): string {
  const whole = render(parts, parts.alert.evidence);
  if (Buffer.byteLength(whole) <= maxBodyBytes) return whole;
  return render(parts, { omitted: 'evidence too large; read it at links.alert' });
}

function render(
  { id, source, publicUrl, kind, alert, entry, device, traceparent }: BodyParts,
  evidence: unknown,
): string {
  const happenedAt = entry.actor.kind === 'rule' && kind !== 'cleared' ? alert.lastAt : entry.at;
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: eventType(kind),
    subject: `alerts/${alert.key}`,
    time: instant(happenedAt),
    datacontenttype: 'application/json',
    traceparent,
    data: {
      alert: {
        id: alert.key,
        status: alert.status,
        severity: alert.severity,
        subject: alert.subject,
        occurrences: alert.occurrences,
        firstAt: instant(alert.firstAt),
        lastAt: instant(alert.lastAt),
        openedAt: instant(alert.openedAt),
        acknowledgedAt: alert.acknowledged ? instant(alert.acknowledged.at) : null,
        acknowledgedBy: alert.acknowledged?.by ?? null,
        clearedAt: alert.cleared ? instant(alert.cleared.at) : null,
        clearedKind: alert.cleared?.kind ?? null,
        clearedBy: alert.cleared?.by || null,
        clearReason: alert.cleared?.reason || null,
        assignee: alert.assignee?.name ?? null,
        revision: alert.revision,
      },
      action: { kind, by: entry.actor.name || null, ...said(entry) },
      device: device ?? { id: alert.deviceKey, name: null, product: null, building: null, position: null },
      domain: device?.product.domain ?? null,
      rule: { id: alert.ruleKey, revision: alert.ruleRevision },
      severity: alert.severity,
      titles: alert.titles,
      evidence,
      links: { alert: `${publicUrl.replace(/\/+$/, '')}/api/v1/alerts/${alert.key}` },
    },
  });
}

/** The words of a person, and what changed; evidence has its own place. */
function said(entry: TimelineEntry): Record<string, unknown> {
  const { text, reason, from, to, assignee } = entry.detail;
  return { text, reason: reason || undefined, from, to, assignee };
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
