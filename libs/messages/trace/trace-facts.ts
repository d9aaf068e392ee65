import type { Lane, NormalisedMessage, RawKind, RawMessage, ReadingValue, Severity, Transition } from '#libs/contracts';
import type { StoredFrame } from '#libs/telemetry-store';

/** Where the entry of a message is in the stream `raw`, and which of its messages it is: its id in parts. */
export interface MessagePlace {
  lane: Lane;
  partition: number;
  position: number;
  index: number;
}

/** How far a stage is in one lane of one partition of the stream that it reads. */
export interface Standing {
  stage: string;
  stream: string;
  lane: Lane;
  partition: number;
  acknowledged: number;
  last: number;
  /** Messages that it has not acknowledged. */
  messages: number;
  /** Age of the oldest entry among them, 0 where there is none. */
  ageMs: number;
}

/** A message in `raw`. */
export interface RawFact {
  message: Omit<RawMessage, 'payload'>;
  bytes: number;
  /** When its entry became durable: the PUBACK follows. */
  appendedAt: number;
}

/** A message in `readings`. */
export interface NormalisedFact {
  message: Omit<NormalisedMessage, 'frame'>;
  position: number;
  appendedAt: number;
}

/** A verdict that the message brought about, and what became of it. */
export interface TransitionFact {
  transition: Transition;
  /** When alerts took it; undefined where they have not. */
  appliedAt: number | undefined;
  /** The alert that it was counted in, where no entry of a timeline names the message. */
  countedIn: string | undefined;
}

/** A notification to one endpoint. */
export interface DeliveryFact {
  id: string;
  endpointId: string;
  endpointName: string;
  status: 'pending' | 'delivered' | 'dead';
  attempts: number;
  nextAttemptAt: number | undefined;
  finishedAt: number | undefined;
  lastError: string | undefined;
}

/** An entry of an alert's timeline that names the message. */
export interface AlertFact {
  alertId: string;
  status: string;
  severity: Severity;
  titles: { zh: string; en: string };
  ruleId: string;
  subject: string;
  kind: string;
  at: number;
  notification: NotificationFact | undefined;
}

/** What consumers are told of that entry. */
export interface NotificationFact {
  id: string;
  type: string;
  /** Whether it has gone from the registry's outbox into the stream. */
  relayed: boolean;
  deliveries: readonly DeliveryFact[];
}

/** A dead letter of the message, or of the entry that it is in. */
export interface LetterFact {
  /** Undefined where the letter is of no tenant and its reader is. */
  id: string | undefined;
  stage: string;
  reason: string;
  detail: string;
  at: number;
  replayedAt: number | undefined;
  replayedBy: string | undefined;
}

/** A reading that is stored. */
export interface ReadingFact {
  metric: string;
  value: ReadingValue;
  quality: number;
  observedAt: number;
}

/** Everything that is still known of a message, read in an order in which what moves on meanwhile is never taken for lost. */
export interface TraceFacts {
  messageId: string;
  place: MessagePlace;
  /** Undefined where `raw` no longer keeps it. */
  raw: RawFact | undefined;
  normalised: NormalisedFact | undefined;
  /** From the ledger of frames. */
  frame: StoredFrame | undefined;
  /** Of a duplicate: the message before it with the very same bytes. */
  duplicateOf: string | undefined;
  /** What the store has of it, where `readings` no longer keeps it. */
  readings: readonly ReadingFact[];
  /** Position in `readings` up to which the store has its lane and partition. */
  storedUpTo: number;
  standings: { normaliser: Standing; readings: Standing; rules: Standing; alerts: Standing; deadLetters: Standing };
  /** How far the notifier is, by alert. */
  notifiers: ReadonlyMap<string, Standing>;
  kind: RawKind | undefined;
  letters: readonly LetterFact[];
  transitions: readonly TransitionFact[];
  alerts: readonly AlertFact[];
  /** What the reader may not see: alerts and webhooks, dead letters. */
  withheld: { alerts: boolean; deadLetters: boolean };
}
