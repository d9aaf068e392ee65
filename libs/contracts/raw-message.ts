import { decodeGroup, encodeGroup } from './group.js';

/**
 * How a raw message came about. `telemetry` is canonical JSON, `up` is vendor bytes for the product's decoder, `reply` answers
 * a command.
 */
export const rawKinds = ['telemetry', 'up', 'event', 'connected', 'disconnected', 'reply'] as const;
export type RawKind = (typeof rawKinds)[number];

/** One message as a device sent it, before anything is known about its content. Times are epoch milliseconds. */
export interface RawMessage {
  kind: RawKind;
  tenantKey: string;
  deviceKey: string;
  productKey: string;
  receivedAt: number;
  /** The event identifier of an `event`, the command's id of a `reply`, the port of an `up` (LoRaWAN fPort) where the topic names one, else ''. */
  name: string;
  /** The bytes as received; empty for connection events. */
  payload: Uint8Array;
}

/** Encodes messages of one partition as one `raw` entry. */
export function encodeRawMessages(messages: readonly RawMessage[]): Buffer {
  return encodeGroup(
    messages.map((m) => [
      rawKinds.indexOf(m.kind),
      m.tenantKey,
      m.deviceKey,
      m.productKey,
      m.receivedAt,
      m.name,
      m.payload,
    ]),
  );
}

/** Decodes a `raw` entry; payloads are views into `entry`. Throws `ContractError` on an unknown version or shape. */
export function decodeRawMessages(entry: Uint8Array): RawMessage[] {
  return decodeGroup(entry, (row) => ({
    kind: rawKinds[row[0] as number] as RawKind,
    tenantKey: row[1] as string,
    deviceKey: row[2] as string,
    productKey: row[3] as string,
    receivedAt: row[4] as number,
    name: row[5] as string,
    payload: row[6] as Uint8Array,
  }));
}
