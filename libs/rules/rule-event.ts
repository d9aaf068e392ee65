import type { Reading, ReadingValue } from '#libs/contracts';

/** What a rule must know of the device besides what it reads. */
export interface DeviceFacts {
  expectedIntervalMs: number;
  settings: Readonly<Record<string, unknown>>;
  /** Event time of the newest live report before this event, 0 for none. */
  heardAt: number;
  /** When the device was last heard from at all, by our clock; 0 for never. */
  seenAt: number;
  /** `seenAt` moved forward by the time during which the platform itself was not listening. */
  silentSince: number;
}

/** A judgeable reading. Times are epoch milliseconds. */
export interface ReadingEvent {
  kind: 'reading';
  metric: string;
  value: ReadingValue;
  observedAt: number;
  receivedAt: number;
  /** Older than the rule's lateness when received: history, never live. */
  late: boolean;
  /** All judgeable readings of the report it came in. */
  report: readonly Reading[];
}

/** A device event of the thing model. */
export interface DeviceEvent {
  kind: 'event';
  event: string;
  observedAt: number;
  receivedAt: number;
  late: boolean;
  report: readonly Reading[];
}

/** The device was heard from, whatever it said. */
export interface SeenEvent {
  kind: 'seen';
  receivedAt: number;
}

/** Time has come to `now`, and every message received before it has been judged. */
export interface TickEvent {
  kind: 'tick';
  now: number;
}

export type RuleEvent = ReadingEvent | DeviceEvent | SeenEvent | TickEvent;
