import type { alerts, alertTimeline } from '#libs/registry-db';
import type { Alert, TimelineEntry } from './alert.js';

export type AlertRow = typeof alerts.$inferSelect;
export type TimelineRow = typeof alertTimeline.$inferSelect;

/** A row of `alerts` as the value that decisions are made on. */
export function alertOfRow(row: AlertRow): Alert {
  return {
    key: row.key,
    tenantKey: row.tenantKey,
    ruleKey: row.ruleKey,
    ruleRevision: row.ruleRevision,
    subject: row.subject,
    deviceKey: row.deviceKey,
    lane: row.lane,
    status: row.status,
    severity: row.severity,
    titles: { zh: row.titleZh, en: row.titleEn },
    evidence: row.evidence,
    occurrences: row.occurrences,
    firstAt: row.firstAt.getTime(),
    lastAt: row.lastAt.getTime(),
    openedAt: row.openedAt.getTime(),
    acknowledged: row.acknowledgedAt ? { at: row.acknowledgedAt.getTime(), by: row.acknowledgedBy ?? '' } : undefined,
    cleared: row.clearedAt
      ? {
          at: row.clearedAt.getTime(),
          kind: row.clearedKind ?? 'rule',
          by: row.clearedBy ?? '',
          reason: row.clearReason ?? '',
        }
      : undefined,
    assignee: row.assigneeKey ? { key: row.assigneeKey, name: row.assigneeName ?? '' } : undefined,
    repeat: row.repeatEntryKey ? { entryKey: row.repeatEntryKey, count: row.repeatCount } : undefined,
    revision: row.revision,
  };
}

/** The row that keeps an alert. */
export function rowOfAlert(alert: Alert): AlertRow {
  return {
    key: alert.key,
    tenantKey: alert.tenantKey,
    ruleKey: alert.ruleKey,
    ruleRevision: alert.ruleRevision,
    subject: alert.subject,
    deviceKey: alert.deviceKey,
    lane: alert.lane,
    status: alert.status,
    severity: alert.severity,
    titleZh: alert.titles.zh,
    titleEn: alert.titles.en,
    evidence: alert.evidence,
    occurrences: alert.occurrences,
    firstAt: new Date(alert.firstAt),
    lastAt: new Date(alert.lastAt),
    openedAt: new Date(alert.openedAt),
    acknowledgedAt: alert.acknowledged ? new Date(alert.acknowledged.at) : null,
    acknowledgedBy: alert.acknowledged?.by ?? null,
    clearedAt: alert.cleared ? new Date(alert.cleared.at) : null,
    clearedKind: alert.cleared?.kind ?? null,
    clearedBy: alert.cleared?.by ?? null,
    clearReason: alert.cleared?.reason ?? null,
    assigneeKey: alert.assignee?.key ?? null,
    assigneeName: alert.assignee?.name ?? null,
    repeatEntryKey: alert.repeat?.entryKey ?? null,
    repeatCount: alert.repeat?.count ?? 0,
    revision: alert.revision,
  };
}

/** The row that keeps a timeline entry. */
export function rowOfEntry(entry: TimelineEntry): TimelineRow {
  return {
    key: entry.key,
    alertKey: entry.alertKey,
    kind: entry.kind,
    at: new Date(entry.at),
    until: entry.until === undefined ? null : new Date(entry.until),
    actorKind: entry.actor.kind,
    actorKey: entry.actor.key,
    actorName: entry.actor.name,
    detail: entry.detail,
  };
}
