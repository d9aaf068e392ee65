import { decodeGroup, encodeGroup } from './group.js';

/** Something a stage refused, with why and the original, so that it can be seen, mended and replayed. */
export interface DeadLetter {
  /** Stable over redelivery, so that it is projected once. */
  id: string;
  /** The stage that refused: gateway, normaliser, readings, rules, alerts, notifier. */
  stage: string;
  /** The stream to replay into, '' where nothing can be replayed. */
  stream: string;
  /** snake_case reason, also the label of the discard counter. */
  reason: string;
  /** What was wrong with what, for a person. */
  detail: string;
  /** '' where the tenant is not known: visible to system administrators only. */
  tenantKey: string;
  deviceKey: string;
  messageId: string;
  /** Epoch milliseconds. */
  at: number;
  /** For stream `raw`: one encoded raw message group holding just this message; else the entry as read. */
  original: Uint8Array;
}

/** Encodes dead letters as one `dead-letters` entry. */
export function encodeDeadLetters(letters: readonly DeadLetter[]): Buffer {
  return encodeGroup(letters.map((l) => [l]));
}

/** Decodes a `dead-letters` entry. */
export function decodeDeadLetters(entry: Uint8Array): DeadLetter[] {
  return decodeGroup(entry, (row) => row[0] as DeadLetter);
}
