import type { Place } from '../raw-entries.js';
import {
  connectFault,
  longestTopicBytes,
  type PacketFault,
  subscribeFault,
  unsubscribeFault,
} from './packet-syntax.js';

/** The largest packets let through. */
export interface GuardLimits {
  /** Before authentication, and afterwards for all but publishes. */
  maxConnectBytes: number;
  maxMessageBytes: number;
  /** Filters in one SUBSCRIBE. */
  subscriptionsPerConnection: number;
}

const connect = 1;
const publish = 3;
const puback = 4;
const pubrel = 6;
const pubcomp = 7;
const subscribe = 8;
const unsubscribe = 10;
const pingreq = 12;
const disconnect = 14;
const incomplete = -1;

/**
 * Reads the MQTT 3.1/3.1.1 packets of one connection as they pass, in front of the broker's parser: refuses what is
 * too large before it is buffered, and what the parser lets through although the standard forbids it. A publish costs
 * a look at its first bytes; nothing is copied unless a packet is split between two chunks.
 */
export class PacketGuard {
  /** Where the messages of the device go, once it has proved who it is. */
  place: Place | undefined;
  /** Called with the message id of each PUBREL. */
  released: ((messageId: number) => void) | undefined;
  /** Called with the message id of each PUBACK. */
  acknowledged: ((messageId: number) => void) | undefined;
  private connected = false;
  private disconnected = false;
  /** Bytes of the current packet that need no more looking at. */
  private skip = 0;
  /** The start of a packet that ended with its chunk. */
  private rest: Buffer | undefined;
  /** Set by `bodyStart` beside its result. */
  private remaining = 0;

  constructor(private readonly limits: GuardLimits) {}

  /** True where the next chunk begins with a packet. */
  get betweenPackets(): boolean {
    return this.skip === 0 && this.rest === undefined;
  }

  /** Looks at the next chunk; undefined where all in it may pass. */
  check(chunk: Buffer): PacketFault | undefined {
    let at = 0;
    if (this.skip > 0) {
      at = Math.min(this.skip, chunk.length);
      this.skip -= at;
      if (at === chunk.length) return undefined;
    }
    let bytes = chunk;
    if (this.rest) {
      bytes = Buffer.concat([this.rest, chunk]);
      this.rest = undefined;
    }
    while (at < bytes.length) {
      const body = this.bodyStart(bytes, at);
      if (body === incomplete) return this.hold(bytes, at);
      if (body < 0) return 'packet_malformed';
      const first = bytes[at] as number;
      const fault = this.headerFault(first, body - at + this.remaining);
      if (fault) return fault;
      const end = body + this.remaining;
      const checked =
        first >> 4 === publish ? this.checkPublish(first, bytes, body) : this.checkOther(first, bytes, body);
      if (checked === incomplete) return this.hold(bytes, at);
      if (checked !== undefined) return checked;
      at = end;
    }
    this.skip = at - bytes.length;
    return undefined;
  }

  private hold(bytes: Buffer, at: number): undefined {
    this.rest = at === 0 ? bytes : bytes.subarray(at);
    return undefined;
  }

  /** Where the packet at `at` has its body; `incomplete` where that is not known yet, below that where it never will be. */
  private bodyStart(bytes: Buffer, at: number): number {
    const first = bytes[at + 1];
    if (first === undefined) return incomplete;
    if (first < 0x80) {
      this.remaining = first;
      return at + 2;
    }
    let value = first & 0x7f;
    for (let index = 1; index < 4; index++) {
      const byte = bytes[at + 1 + index];
      if (byte === undefined) return incomplete;
      value += (byte & 0x7f) << (7 * index);
      if (byte < 0x80) {
        this.remaining = value;
        return at + 2 + index;
      }
    }
    return incomplete - 1;
  }

  private headerFault(first: number, size: number): PacketFault | undefined {
    const type = first >> 4;
    if (!this.connected && type !== connect) return 'connect_expected';
    const limit = this.place && type === publish ? this.limits.maxMessageBytes : this.limits.maxConnectBytes;
    if (size > limit) return 'packet_too_large';
    return this.disconnected ? 'after_disconnect' : undefined;
  }

  private checkPublish(first: number, bytes: Buffer, body: number): PacketFault | typeof incomplete | undefined {
    const qos = (first >> 1) & 3;
    if (qos === 3 || (qos === 0 && (first & 8) !== 0)) return 'packet_malformed';
    if (this.remaining < 2) return 'packet_malformed';
    if (bytes.length < body + 2) return incomplete;
    const topicBytes = ((bytes[body] as number) << 8) | (bytes[body + 1] as number);
    if (topicBytes > longestTopicBytes) return 'topic_too_long';
    const head = 2 + topicBytes + (qos > 0 ? 2 : 0);
    if (topicBytes === 0 || head > this.remaining) return 'packet_malformed';
    if (qos === 0) return undefined;
    if (bytes.length < body + head) return incomplete;
    return bytes[body + head - 1] === 0 && bytes[body + head - 2] === 0 ? 'message_id_zero' : undefined;
  }

  private checkOther(first: number, bytes: Buffer, body: number): PacketFault | typeof incomplete | undefined {
    const type = first >> 4;
    const flags = first & 15;
    if (flags !== (type === pubrel || type === subscribe || type === unsubscribe ? 2 : 0)) return 'packet_malformed';
    if (type === pingreq || type === disconnect) {
      this.disconnected = type === disconnect;
      return this.remaining === 0 ? undefined : 'packet_malformed';
    }
    if (type === connect && this.connected) return 'connect_repeated';
    if (type !== connect && type !== subscribe && type !== unsubscribe && (type < puback || type > pubcomp)) {
      return 'packet_type_invalid';
    }
    if (bytes.length < body + this.remaining) return incomplete;
    const content = bytes.subarray(body, body + this.remaining);
    if (type === connect) {
      this.connected = true;
      return connectFault(content);
    }
    if (content.length < 2) return 'packet_malformed';
    if (content[0] === 0 && content[1] === 0) return 'message_id_zero';
    if (type === subscribe) return subscribeFault(content, this.limits.subscriptionsPerConnection);
    if (type === unsubscribe) return unsubscribeFault(content);
    if (content.length !== 2) return 'packet_malformed';
    if (type === pubrel) this.released?.(content.readUInt16BE(0));
    if (type === puback) this.acknowledged?.(content.readUInt16BE(0));
    return undefined;
  }
}
