import { Inject } from '@nestjs/common';
import { validate as isUuid, v7 } from 'uuid';
import { type Principal, tenantScope } from '#libs/access';
import { CLOCK, type Clock, decodeCursor, invalid, type Page, requireRevision, toPage } from '#libs/runtime';
import {
  type Actor,
  type Alert,
  acknowledge,
  assign,
  type Circumstances,
  clearByPerson,
  comment,
  type Decision,
} from './alert.js';
import { AlertListRepository, type ListedAlert } from './alert-list.repository.js';
import type { TimelineRow } from './alert-rows.js';
import type { AlertQuery, AlertView, AlertWithTimeline, AssigneeList, TimelineEntryView } from './alerts.dto.js';
import { alertCleared, alertNotFound, assigneeNotFound } from './alerts.errors.js';
import { AlertsRepository } from './alerts.repository.js';
import { Announcer } from './announcer.js';

type Decide = (alert: Alert, actor: Actor, circumstances: Circumstances) => Decision;

/** What people do with alerts. Each action is one transaction: the alert, its timeline and the outbox. */
export class AlertsService {
  constructor(
    @Inject(AlertsRepository) private readonly alerts: AlertsRepository,
    @Inject(AlertListRepository) private readonly lists: AlertListRepository,
    @Inject(Announcer) private readonly announcer: Announcer,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A page of the alerts that the principal may see, newest first. */
  async list(principal: Principal, query: AlertQuery): Promise<Page<AlertView>> {
    const before = decodeCursor(query.cursor, 1)?.[0];
    const key = before === undefined ? undefined : String(before);
    if (key !== undefined && !isUuid(key)) throw invalid('cursor_invalid', 'cursor: not one this list gave.');
    const rows = await this.lists.list(tenantScope(principal), query, key, query.limit + 1);
    return toPage(rows, query.limit, ({ alert }) => [alert.key], viewOf);
  }

  /** An alert with its timeline. */
  async get(principal: Principal, id: string): Promise<AlertWithTimeline> {
    const listed = isUuid(id) ? await this.lists.find(id, tenantScope(principal)) : undefined;
    if (!listed) throw alertNotFound(id);
    return { ...viewOf(listed), timeline: (await this.lists.timeline(id)).map(entryView) };
  }

  /** Who the alert can be given to; people who handle alerts may not list users otherwise. */
  async assignees(principal: Principal, id: string): Promise<AssigneeList> {
    const listed = isUuid(id) ? await this.lists.find(id, tenantScope(principal)) : undefined;
    if (!listed) throw alertNotFound(id);
    return { items: await this.lists.assignees(listed.alert.tenantKey) };
  }

  acknowledge(principal: Principal, id: string, expected: number | undefined): Promise<AlertWithTimeline> {
    return this.act(principal, id, expected, acknowledge);
  }

  clear(principal: Principal, id: string, expected: number | undefined, reason: string): Promise<AlertWithTimeline> {
    return this.act(principal, id, expected, (alert, actor, at) => clearByPerson(alert, actor, reason, at));
  }

  comment(principal: Principal, id: string, expected: number | undefined, text: string): Promise<AlertWithTimeline> {
    return this.act(principal, id, expected, (alert, actor, at) => comment(alert, actor, text, at));
  }

  /** Gives an alert to a user of its tenant; null takes it away. */
  async assign(
    principal: Principal,
    id: string,
    expected: number | undefined,
    user: string | null,
  ): Promise<AlertWithTimeline> {
    const listed = isUuid(id) ? await this.lists.find(id, tenantScope(principal)) : undefined;
    if (!listed) throw alertNotFound(id);
    const name = user === null ? undefined : await this.lists.userName(user, listed.alert.tenantKey);
    if (user !== null && name === undefined) throw assigneeNotFound(user);
    const assignee = user !== null && name !== undefined ? { key: user, name } : undefined;
    return await this.act(principal, id, expected, (alert, actor, at) => assign(alert, actor, assignee, at));
  }

  private async act(
    principal: Principal,
    id: string,
    expected: number | undefined,
    decide: Decide,
  ): Promise<AlertWithTimeline> {
    if (!isUuid(id)) throw alertNotFound(id);
    const actor: Actor = { kind: 'person', key: principal.key, name: principal.name };
    await this.alerts.inTransaction(async (transaction) => {
      const found = await this.alerts.lock(transaction, id, tenantScope(principal));
      if (!found) throw alertNotFound(id);
      requireRevision(expected, found.revision);
      const decision = decide(found, actor, { now: this.clock.now(), newKey: () => v7() });
      if (decision.kind === 'refused') throw alertCleared(id);
      if (decision.kind !== 'changed') return;
      const { alert, entry, notify } = decision;
      const announced = notify ? [{ kind: notify, alert, entry }] : [];
      const told = await this.announcer.freeze(transaction, announced);
      await this.alerts.save(transaction, { alerts: [alert], entries: [entry], told });
    });
    return await this.get(principal, id);
  }
}

function viewOf({ alert, device }: ListedAlert): AlertView {
  return {
    id: alert.key,
    status: alert.status,
    severity: alert.severity,
    titles: { zh: alert.titleZh, en: alert.titleEn },
    device: device ?? { id: alert.deviceKey, name: null, product: null },
    subject: alert.subject,
    rule: { id: alert.ruleKey, revision: alert.ruleRevision },
    evidence: alert.evidence,
    occurrences: alert.occurrences,
    firstAt: alert.firstAt.toISOString(),
    lastAt: alert.lastAt.toISOString(),
    openedAt: alert.openedAt.toISOString(),
    acknowledgedAt: alert.acknowledgedAt?.toISOString() ?? null,
    acknowledgedBy: alert.acknowledgedBy,
    clearedAt: alert.clearedAt?.toISOString() ?? null,
    clearedKind: alert.clearedKind,
    clearedBy: alert.clearedBy || null,
    clearReason: alert.clearReason || null,
    assignee: alert.assigneeKey ? { id: alert.assigneeKey, name: alert.assigneeName ?? '' } : null,
    revision: alert.revision,
  };
}

function entryView(row: TimelineRow): TimelineEntryView {
  return {
    id: row.key,
    kind: row.kind,
    at: row.at.toISOString(),
    until: row.until?.toISOString() ?? null,
    by: row.actorName || null,
    detail: row.detail,
  };
}
