import { decodeGroup, encodeGroup } from './group.js';

/** Something that happened to an alert, frozen for its consumers. Written once, in the transaction that caused it. */
export interface Notification {
  /** Webhook id and CloudEvents id: the same on every retry and every endpoint. */
  id: string;
  /** Order of all notifications of the platform; gaps are possible, disorder is not. */
  sequence: number;
  tenantKey: string;
  alertKey: string;
  /** CloudEvents type, e.g. `cn.citysense.alert.raised` */
  type: string;
  /** Epoch milliseconds. */
  at: number;
  /** The CloudEvents 1.0 JSON body, without the per-endpoint sequence. */
  body: string;
}

/** Encodes notifications as one `notifications` entry. */
export function encodeNotifications(notifications: readonly Notification[]): Buffer {
  return encodeGroup(notifications.map((n) => [n]));
}

/** Decodes a `notifications` entry. */
export function decodeNotifications(entry: Uint8Array): Notification[] {
  return decodeGroup(entry, (row) => row[0] as Notification);
}
