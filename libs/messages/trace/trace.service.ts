import { Inject } from '@nestjs/common';
import { type Principal, tenantScope } from '#libs/access';
import { parseMessageId } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import { STREAM, type StreamLog } from '#libs/stream';
import { messageNotFound } from '../messages.errors.js';
import { AlertTrail } from './alert-trail.js';
import { MessageSearch } from './message-search.js';
import { Standings } from './standings.js';
import { StoreTrail } from './store-trail.js';
import type { LetterFact, MessagePlace, RawFact, TraceFacts } from './trace-facts.js';
import { WhoseMessage } from './whose-message.js';

/** A message that somebody may see, with what is known of it. */
export interface Traced {
  facts: TraceFacts;
  device: KnownDevice;
}

/** Follows one message through streams, store and registry. Reads only; what engines it asks is in the README. */
export class TraceService {
  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(MessageSearch) private readonly search: MessageSearch,
    @Inject(StoreTrail) private readonly store: StoreTrail,
    @Inject(AlertTrail) private readonly alerts: AlertTrail,
    @Inject(WhoseMessage) private readonly whose: WhoseMessage,
  ) {}

  /** Throws 404 where there is no such message, where it is not theirs to see, or where nobody knows any more whose it was. */
  async trace(principal: Principal, messageId: string, deviceId: string | undefined): Promise<Traced> {
    const place = parseMessageId(messageId);
    if (!place || !this.search.has(place)) throw messageNotFound(messageId);
    // First how far everybody is, then what is there: what moves on in between is never taken for lost.
    const standings = new Standings(await this.stream.lag());
    const storedUpTo = await this.store.upTo(place);
    const found = await this.search.raw(place);
    if (found === 'none') throw messageNotFound(messageId);
    const raw = found === 'gone' ? undefined : found;
    const device = await this.whose.find(principal, messageId, raw, deviceId);
    const facts = await this.gather(principal, { messageId, place, raw, device, standings, storedUpTo });
    return { facts, device };
  }

  private async gather(
    principal: Principal,
    { messageId, place, raw, device, standings, storedUpTo }: Followed,
  ): Promise<TraceFacts> {
    const { lane, partition } = place;
    const flow = standings.alongTheFlow(lane, partition);
    const lag = standings.lag('readings', 'readings', lane, partition);
    const normalised = await this.search.normalised(messageId, place, lag);
    const stored = await this.store.find(device.key, messageId, normalised === undefined);
    const own = [undefined, device.tenantKey].includes(tenantScope(principal));
    const may = (permission: 'alerts:read' | 'dead_letters:read') => own && principal.permissions.has(permission);
    const letters = await this.whose.letters(messageId, device.key, normalised && { ...place, ...normalised });
    const alerts = may('alerts:read')
      ? await this.alerts.follow(messageId, place, device, normalised, standings)
      : { transitions: [], alerts: [], notifiers: new Map() };
    return {
      messageId,
      place,
      raw,
      normalised,
      ...stored,
      duplicateOf: await this.store.original(stored.frame),
      storedUpTo,
      standings: flow,
      kind: raw?.message.kind ?? connectionKind(stored.frame?.outcome),
      letters: letters.map((letter) => shown(letter, principal)),
      ...alerts,
      withheld: { alerts: !may('alerts:read'), deadLetters: !may('dead_letters:read') },
    };
  }
}

interface Followed {
  messageId: string;
  place: MessagePlace;
  raw: RawFact | undefined;
  device: KnownDevice;
  standings: Standings;
  storedUpTo: number;
}

function shown(letter: LetterFact & { tenantKey: string | null }, principal: Principal): LetterFact {
  const own = principal.allTenants || letter.tenantKey === principal.tenantKey;
  return { ...letter, id: own ? letter.id : undefined };
}

function connectionKind(outcome: string | undefined) {
  return outcome === 'connected' || outcome === 'disconnected' ? outcome : undefined;
}
