import { type Lane, type Severity, severities, type Transition } from '#libs/contracts';
import type { LocalName } from '#libs/devices';

/** open: nobody has taken it. acknowledged: somebody has. cleared: over, for good; the next raise opens another. */
export const alertStatuses = ['open', 'acknowledged', 'cleared'] as const;
export type AlertStatus = (typeof alertStatuses)[number];

/** What a timeline tells. `repeated` stands for a whole run of repetitions. */
export const timelineKinds = [
  'raised',
  'repeated',
  'acknowledged',
  'commented',
  'escalated',
  'assigned',
  'cleared',
] as const;
export type TimelineKind = (typeof timelineKinds)[number];

/** What consumers are told of: everything but repetitions. */
export type NotifiedKind = Exclude<TimelineKind, 'repeated'>;

/** A row of the registry's `alerts`. Times are epoch milliseconds; `firstAt` and `lastAt` are event time. */
export interface Alert {
  key: string;
  tenantKey: string;
  ruleKey: string;
  ruleRevision: number;
  subject: string;
  deviceKey: string;
  lane: Lane;
  status: AlertStatus;
  severity: Severity;
  titles: LocalName;
  evidence: Record<string, unknown>;
  occurrences: number;
  firstAt: number;
  lastAt: number;
  openedAt: number;
  acknowledged: { at: number; by: string } | undefined;
  /** `by` is '' where the rule cleared it. */
  cleared: { at: number; kind: 'rule' | 'person'; by: string; reason: string } | undefined;
  assignee: { key: string; name: string } | undefined;
  /** The timeline entry of the present run of repetitions. */
  repeat: { entryKey: string; count: number } | undefined;
  revision: number;
}

/** Who acts: the rule (its key), or a person or program by name. */
export interface Actor {
  kind: 'rule' | 'person';
  key: string;
  name: string;
}

/** An entry of a timeline; one that is written again under its key replaces `until` and `detail`. */
export interface TimelineEntry {
  key: string;
  alertKey: string;
  kind: TimelineKind;
  at: number;
  until: number | undefined;
  actor: Actor;
  detail: Record<string, unknown>;
}

/** What a decision comes to. */
export type Decision =
  | { kind: 'changed'; alert: Alert; entry: TimelineEntry; notify: NotifiedKind | undefined }
  | { kind: 'unchanged'; alert: Alert }
  | { kind: 'ignored'; reason: IgnoredReason }
  | { kind: 'refused'; code: 'alert_cleared' };

/** Why a transition changes nothing; also the label of the discard counter. */
export type IgnoredReason = 'cleared_not_open' | 'repeated_after_clear';

/** What a decision needs from outside. */
export interface Circumstances {
  now: number;
  newKey: () => string;
}

/** The titles are those of the rule when the alert opens. */
export function applyTransition(
  latest: Alert | undefined,
  transition: Transition,
  titles: LocalName,
  circumstances: Circumstances,
): Decision {
  const open = latest && latest.status !== 'cleared' ? latest : undefined;
  switch (transition.kind) {
    case 'raised':
      return open ? repeat(open, transition, circumstances) : opened(transition, titles, circumstances);
    case 'repeated':
      if (open) return repeat(open, transition, circumstances);
      // Whoever cleared it knew that the condition may go on; only a rule that raises anew is news. A repetition of
      // what we never saw raised is an alarm all the same.
      if (latest?.cleared?.kind === 'person') return { kind: 'ignored', reason: 'repeated_after_clear' };
      return opened(transition, titles, circumstances);
    case 'cleared':
      if (!open) return { kind: 'ignored', reason: 'cleared_not_open' };
      return clear(open, ruleOf(transition), { reason: '', ...evidenceOf(transition) }, circumstances);
  }
}

/** Takes an alert. Taking it again changes nothing. */
export function acknowledge(alert: Alert, actor: Actor, circumstances: Circumstances): Decision {
  if (alert.status === 'cleared') return { kind: 'refused', code: 'alert_cleared' };
  if (alert.status === 'acknowledged') return { kind: 'unchanged', alert };
  const acknowledged = { at: circumstances.now, by: actor.name };
  return changed({ ...alert, status: 'acknowledged', acknowledged }, 'acknowledged', actor, {}, circumstances);
}

/** Clears an alert because a person says so. Clearing it again changes nothing. */
export function clearByPerson(alert: Alert, actor: Actor, reason: string, circumstances: Circumstances): Decision {
  if (alert.status === 'cleared') return { kind: 'unchanged', alert };
  return clear(alert, actor, { reason }, circumstances);
}

/** Adds a remark, also to an alert that is over. */
export function comment(alert: Alert, actor: Actor, text: string, circumstances: Circumstances): Decision {
  return changed(alert, 'commented', actor, { text }, circumstances);
}

/** Says who sees to it; undefined for nobody. */
export function assign(
  alert: Alert,
  actor: Actor,
  assignee: Alert['assignee'],
  circumstances: Circumstances,
): Decision {
  if (alert.status === 'cleared') return { kind: 'refused', code: 'alert_cleared' };
  if (alert.assignee?.key === assignee?.key) return { kind: 'unchanged', alert };
  const detail = { assignee: assignee?.name ?? null, before: alert.assignee?.name ?? null };
  return changed({ ...alert, assignee }, 'assigned', actor, detail, circumstances);
}

/** True where `a` is worse than `b`. */
export function worse(a: Severity, b: Severity): boolean {
  return severities.indexOf(a) < severities.indexOf(b);
}

/** Critical and major alerts go out before the others. */
export function laneOf(severity: Severity): Lane {
  return severity === 'critical' || severity === 'major' ? 'urgent' : 'bulk';
}

function opened(transition: Transition, titles: LocalName, circumstances: Circumstances): Decision {
  const alert: Alert = {
    key: circumstances.newKey(),
    tenantKey: transition.tenantKey,
    ruleKey: transition.ruleKey,
    ruleRevision: transition.ruleRevision,
    subject: transition.subject,
    deviceKey: transition.deviceKey,
    lane: laneOf(transition.severity),
    status: 'open',
    severity: transition.severity,
    titles,
    evidence: transition.evidence,
    occurrences: 1,
    firstAt: transition.observedAt,
    lastAt: transition.observedAt,
    openedAt: circumstances.now,
    acknowledged: undefined,
    cleared: undefined,
    assignee: undefined,
    repeat: undefined,
    revision: 0,
  };
  return changed(alert, 'raised', ruleOf(transition), evidenceOf(transition), circumstances);
}

/** The condition shows itself again: counted, and an escalation where it has become worse. */
function repeat(alert: Alert, transition: Transition, circumstances: Circumstances): Decision {
  const seen: Alert = {
    ...alert,
    occurrences: alert.occurrences + 1,
    firstAt: Math.min(alert.firstAt, transition.observedAt),
    lastAt: Math.max(alert.lastAt, transition.observedAt),
    ruleRevision: transition.ruleRevision,
    evidence: transition.evidence,
  };
  if (worse(transition.severity, alert.severity)) {
    // Whoever acknowledged it took something less bad: it is open again.
    const escalated: Alert = { ...seen, status: 'open', severity: transition.severity, acknowledged: undefined };
    const detail = { ...evidenceOf(transition), from: alert.severity, to: transition.severity };
    return changed(escalated, 'escalated', ruleOf(transition), detail, circumstances);
  }
  const run = { entryKey: alert.repeat?.entryKey ?? circumstances.newKey(), count: (alert.repeat?.count ?? 0) + 1 };
  const entry: TimelineEntry = {
    key: run.entryKey,
    alertKey: alert.key,
    kind: 'repeated',
    at: circumstances.now,
    until: circumstances.now,
    actor: ruleOf(transition),
    detail: { ...evidenceOf(transition), count: run.count },
  };
  const next = { ...seen, repeat: run, revision: alert.revision + 1 };
  return { kind: 'changed', alert: next, entry, notify: undefined };
}

function clear(
  alert: Alert,
  actor: Actor,
  detail: { reason: string } & Record<string, unknown>,
  circumstances: Circumstances,
): Decision {
  const cleared = { at: circumstances.now, kind: actor.kind, by: actor.name, reason: detail.reason };
  return changed({ ...alert, status: 'cleared', cleared }, 'cleared', actor, detail, circumstances);
}

/** A change worth telling; it ends a run of repetitions. */
function changed(
  alert: Alert,
  kind: NotifiedKind,
  actor: Actor,
  detail: Record<string, unknown>,
  circumstances: Circumstances,
): Decision {
  return {
    kind: 'changed',
    alert: { ...alert, repeat: undefined, revision: alert.revision + 1 },
    entry: {
      key: circumstances.newKey(),
      alertKey: alert.key,
      kind,
      at: circumstances.now,
      until: undefined,
      actor,
      detail,
    },
    notify: kind,
  };
}

function ruleOf(transition: Transition): Actor {
  return { kind: 'rule', key: transition.ruleKey, name: '' };
}

function evidenceOf(transition: Transition): Record<string, unknown> {
  return {
    severity: transition.severity,
    observedAt: new Date(transition.observedAt).toISOString(),
    messageId: transition.messageId,
    evidence: transition.evidence,
  };
}
