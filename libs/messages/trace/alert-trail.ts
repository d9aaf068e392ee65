import { Inject } from '@nestjs/common';
import { partitionOf, streams, type Transition } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import { STREAM, type StreamLog } from '#libs/stream';
import { MessageSearch } from './message-search.js';
import type { Standings } from './standings.js';
import { type OutboxFact, type ToldAlert, TraceRepository } from './trace.repository.js';
import type {
  AlertFact,
  MessagePlace,
  NormalisedFact,
  NotificationFact,
  Standing,
  TransitionFact,
} from './trace-facts.js';

/** What the rules, the alerts and the notifier made of a message. */
export class AlertTrail {
  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(MessageSearch) private readonly search: MessageSearch,
    @Inject(TraceRepository) private readonly repository: TraceRepository,
  ) {}

  async follow(
    messageId: string,
    place: MessagePlace,
    device: KnownDevice,
    normalised: NormalisedFact | undefined,
    standings: Standings,
  ): Promise<{ transitions: TransitionFact[]; alerts: AlertFact[]; notifiers: Map<string, Standing> }> {
    const found = normalised ? await this.verdicts(messageId, place, device, normalised, standings) : [];
    // Of a group's alert another device may be the first, never another tenant.
    const told = (await this.repository.told(messageId)).filter(({ tenantKey }) => tenantKey === device.tenantKey);
    const transitions = await this.outcomes(found);
    const outbox = await this.repository.outbox(told);
    const notifiers = new Map<string, Standing>();
    for (const { alertKey, lane } of outbox) {
      const partition = partitionOf(alertKey, this.stream.partitions);
      notifiers.set(alertKey, standings.of(streams.notifications, 'notifier', lane, partition));
    }
    const alerts = await this.notified(device.tenantKey, told, outbox);
    return { transitions, alerts, notifiers };
  }

  /** The device's own verdicts, and those of its group. */
  private async verdicts(
    messageId: string,
    place: MessagePlace,
    { building }: KnownDevice,
    { appendedAt }: NormalisedFact,
    standings: Standings,
  ): Promise<Transition[]> {
    const own = standings.lag(streams.transitions, 'alerts', place.lane, place.partition);
    const found = await this.search.transitions(messageId, place, own, appendedAt);
    if (building === undefined) return found;
    const partition = partitionOf(building, this.stream.partitions);
    if (place.lane === 'urgent' && place.partition === partition) return found;
    const group = standings.lag(streams.transitions, 'alerts', 'urgent', partition);
    return [...found, ...(await this.search.transitions(messageId, place, group, appendedAt))];
  }

  private async outcomes(transitions: readonly Transition[]): Promise<TransitionFact[]> {
    const applied = await this.repository.applied(transitions.map(({ id }) => id));
    const facts: TransitionFact[] = [];
    for (const transition of transitions) {
      const appliedAt = applied.get(transition.id);
      const countedIn = appliedAt === undefined ? undefined : await this.repository.openAt(transition, appliedAt);
      facts.push({ transition, appliedAt, countedIn });
    }
    return facts;
  }

  private async notified(
    tenantKey: string,
    told: readonly ToldAlert[],
    outbox: readonly OutboxFact[],
  ): Promise<AlertFact[]> {
    const ids = outbox.map(({ id }) => id);
    const deliveries = await this.repository.deliveries(tenantKey, ids);
    return told.map((alert) => {
      const row = outbox.find(
        ({ alertKey, at, type }) => alertKey === alert.alertKey && at === alert.at && type.endsWith(`.${alert.kind}`),
      );
      const notification: NotificationFact | undefined = row && {
        id: row.id,
        type: row.type,
        relayed: row.relayed,
        deliveries: deliveries.get(row.id) ?? [],
      };
      return { ...alert, notification };
    });
  }
}
