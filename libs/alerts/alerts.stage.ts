import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { v7 } from 'uuid';
import { decodeTransitions, type Transition } from '#libs/contracts';
import type { Transaction } from '#libs/registry-db';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { Source, StageBatch, StageResult } from '#libs/stream';
import { type Alert, applyTransition, type TimelineEntry } from './alert.js';
import { AlertsRepository, type Change } from './alerts.repository.js';
import { type Announcement, Announcer } from './announcer.js';
import { RelayLoop } from './relay-loop.js';

/** What a batch came to, for the metrics: counted once it is committed. */
interface Tally {
  applied: Record<Transition['kind'], number>;
  ignored: Map<string, number>;
}

const nothing: Change = { alerts: [], entries: [], told: [] };

/**
 * Applies transitions to alerts. A whole batch is one transaction of the registry: alerts, timeline, outbox and the
 * position reached. A registry that is down makes it throw, and the batch comes again.
 */
@Controller()
export class AlertsStage {
  private readonly transitionsTotal;
  private readonly discardsTotal;

  constructor(
    @Inject(AlertsRepository) private readonly alerts: AlertsRepository,
    @Inject(Announcer) private readonly announcer: Announcer,
    @Inject(RelayLoop) private readonly relay: RelayLoop,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.transitionsTotal = metrics.counter('alerts_transitions_total', 'Transitions applied to alerts.', ['kind']);
    this.discardsTotal = metrics.counter('discards_total', 'What was discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  @EventPattern('transitions/alerts')
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    if (batch.entries.length === 0) return {};
    const entries = batch.entries.map(({ position, data }) => ({ position, transitions: decodeTransitions(data) }));
    const tally = await this.alerts.inTransaction((transaction) => this.apply(transaction, batch.source, entries));
    this.count(tally);
    this.relay.wake();
    return {};
  }

  private async apply(
    transaction: Transaction,
    source: Source,
    entries: { position: number; transitions: Transition[] }[],
  ): Promise<Tally> {
    const tally: Tally = { applied: { raised: 0, repeated: 0, cleared: 0 }, ignored: new Map() };
    const cursor = `${source.stream}/${source.lane}/${source.partition}`;
    const done = await this.alerts.cursor(transaction, cursor);
    const arrived = entries.filter((entry) => entry.position > done).flatMap((entry) => entry.transitions);
    const last = entries.at(-1)?.position ?? 0;
    if (last <= done) return tally;
    const fresh = await this.firstTime(transaction, arrived, tally);
    const change = fresh.length > 0 ? await this.decide(transaction, fresh, tally) : nothing;
    await this.alerts.save(transaction, { ...change, reached: { cursor, position: last } });
    return tally;
  }

  private async firstTime(transaction: Transaction, arrived: Transition[], tally: Tally): Promise<Transition[]> {
    const ids = arrived.map((transition) => transition.id);
    const unseen = await this.alerts.unseen(transaction, ids, this.clock.now());
    // Deleting on sight keeps the first of two in one batch.
    const fresh = arrived.filter((transition) => unseen.delete(transition.id));
    if (fresh.length < arrived.length) tally.ignored.set('duplicate', arrived.length - fresh.length);
    return fresh;
  }

  private async decide(transaction: Transaction, transitions: Transition[], tally: Tally): Promise<Change> {
    const latest = new Map(
      (await this.alerts.latest(transaction, transitions)).map((alert) => [subjectOf(alert), alert]),
    );
    const raising = transitions.filter((transition) => transition.kind !== 'cleared' && !isOpen(latest, transition));
    const titles = await this.announcer.titlesOf(
      transaction,
      raising.map((transition) => transition.ruleKey),
    );
    const circumstances = { now: this.clock.now(), newKey: () => v7() };
    const changed = new Map<string, Alert>();
    const entries = new Map<string, TimelineEntry>();
    const announcements: Announcement[] = [];
    for (const transition of transitions) {
      const subject = subjectOf(transition);
      const title = titles.get(transition.ruleKey) ?? { zh: '告警', en: 'Alert' };
      const decision = applyTransition(latest.get(subject), transition, title, circumstances);
      if (decision.kind === 'ignored') {
        tally.ignored.set(decision.reason, (tally.ignored.get(decision.reason) ?? 0) + 1);
      } else if (decision.kind === 'changed') {
        const { alert, entry, notify } = decision;
        tally.applied[transition.kind] += 1;
        latest.set(subject, alert);
        changed.set(alert.key, alert);
        entries.set(entry.key, entry);
        if (notify) announcements.push({ kind: notify, alert, entry, cause: transition });
      }
    }
    return {
      alerts: [...changed.values()],
      entries: [...entries.values()],
      told: await this.announcer.freeze(transaction, announcements),
    };
  }

  private count(tally: Tally): void {
    for (const [kind, count] of Object.entries(tally.applied)) this.transitionsTotal.inc({ kind }, count);
    for (const [reason, count] of tally.ignored) this.discardsTotal.inc({ stage: 'alerts', reason }, count);
  }
}

function subjectOf(about: { tenantKey: string; ruleKey: string; subject: string }): string {
  return `${about.tenantKey}/${about.ruleKey}/${about.subject}`;
}

function isOpen(latest: ReadonlyMap<string, Alert>, transition: Transition): boolean {
  const alert = latest.get(subjectOf(transition));
  return alert !== undefined && alert.status !== 'cleared';
}
