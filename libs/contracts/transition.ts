import { decodeGroup, encodeGroup } from './group.js';

/** How bad it is, worst first. */
export const severities = ['critical', 'major', 'minor', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

/** A rule's verdict about one device changed, or repeated itself with fresh evidence. */
export interface Transition {
  /** Stable over redelivery: the rule, the device and the message or tick that caused it. */
  id: string;
  kind: 'raised' | 'repeated' | 'cleared';
  tenantKey: string;
  ruleKey: string;
  ruleRevision: number;
  /** The device it is about; for a rule over a group, the device that completed the verdict. */
  deviceKey: string;
  /** What the alert is kept open for: the device key, or the group (a building) of a group rule. */
  subject: string;
  severity: Severity;
  /** Event time of the evidence, epoch milliseconds. */
  observedAt: number;
  /** When the rule judged it, epoch milliseconds. */
  judgedAt: number;
  /** The raw message that caused it, '' for a timer. */
  messageId: string;
  /** The values that convinced the rule, for people and for the webhook. */
  evidence: { [key: string]: unknown };
}

/** Encodes transitions of one partition as one `transitions` entry. */
export function encodeTransitions(transitions: readonly Transition[]): Buffer {
  return encodeGroup(transitions.map((t) => [t]));
}

/** Decodes a `transitions` entry. */
export function decodeTransitions(entry: Uint8Array): Transition[] {
  return decodeGroup(entry, (row) => row[0] as Transition);
}
