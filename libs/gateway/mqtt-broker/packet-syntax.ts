import { isUtf8 } from 'node:buffer';

/** Why a packet was refused: the label of `gateway_refused_total`. */
export type PacketFault =
  | 'connect_expected'
  | 'connect_repeated'
  | 'connect_malformed'
  | 'client_id_empty'
  | 'protocol_version_unsupported'
  | 'packet_too_large'
  | 'packet_malformed'
  | 'packet_type_invalid'
  | 'message_id_zero'
  | 'topic_too_long'
  | 'subscription_malformed'
  | 'too_many_subscriptions'
  | 'after_disconnect';

/** Longer topics are not taken, so no filter needs more either. */
export const longestTopicBytes = 1_024;

/** Reads length-prefixed fields in order; a field that is not all there is undefined. */
class Fields {
  at = 0;

  constructor(private readonly content: Buffer) {}

  get atEnd(): boolean {
    return this.at === this.content.length;
  }

  byte(): number | undefined {
    return this.content[this.at++];
  }

  binary(): Buffer | undefined {
    const start = this.at + 2;
    if (start > this.content.length) return undefined;
    const end = start + this.content.readUInt16BE(this.at);
    if (end > this.content.length) return undefined;
    this.at = end;
    return this.content.subarray(start, end);
  }

  /** A UTF-8 string without NUL (clause 1.5.3); `isUtf8` refuses surrogates too. */
  text(): Buffer | undefined {
    const bytes = this.binary();
    return bytes && isUtf8(bytes) && !bytes.includes(0) ? bytes : undefined;
  }
}

/** What is wrong with a CONNECT (MQTT 3.1.1 clause 3.1; MQTT 3.1 differs in name and level only). */
export function connectFault(content: Buffer): PacketFault | undefined {
  const fields = new Fields(content);
  const name = fields.text()?.toString();
  const level = fields.byte();
  if ((name !== 'MQTT' && name !== 'MQIsdp') || level === undefined) return 'connect_malformed';
  if (level !== (name === 'MQTT' ? 4 : 3)) return 'protocol_version_unsupported';
  const flags = fields.byte();
  if (flags === undefined || flagsAreWrong(flags)) return 'connect_malformed';
  fields.at += 2;
  const clientId = fields.text();
  if (!clientId) return 'connect_malformed';
  if ((flags & 4) !== 0) {
    const topic = fields.text();
    if (!topic || topic.length === 0 || topic.includes(0x23) || topic.includes(0x2b)) return 'connect_malformed';
    if (!fields.binary()) return 'connect_malformed';
  }
  if ((flags & 0x80) !== 0 && !fields.text()) return 'connect_malformed';
  if ((flags & 0x40) !== 0 && !fields.binary()) return 'connect_malformed';
  if (!fields.atEnd) return 'connect_malformed';
  // The client id is the device id here, so an empty one is refused even where the session is clean (3.1.3-8, -9).
  return clientId.length === 0 ? 'client_id_empty' : undefined;
}

/** Reserved bit, will flags without a will, will QoS 3, a password without a user name (3.1.2-3, -11 to -15, -22). */
function flagsAreWrong(flags: number): boolean {
  const will = (flags & 4) !== 0;
  const willQos = (flags >> 3) & 3;
  const willRetain = (flags & 0x20) !== 0;
  if ((flags & 1) !== 0 || willQos === 3) return true;
  if (!will && (willQos !== 0 || willRetain)) return true;
  return (flags & 0x40) !== 0 && (flags & 0x80) === 0;
}

/** What is wrong with a SUBSCRIBE after its message id (clause 3.8.3), which may name `limit` filters. */
export function subscribeFault(content: Buffer, limit: number): PacketFault | undefined {
  const fields = new Fields(content);
  fields.at = 2;
  if (fields.atEnd) return 'subscription_malformed';
  for (let count = 0; !fields.atEnd; count++) {
    if (count === limit) return 'too_many_subscriptions';
    const fault = filterFault(fields.text());
    if (fault) return fault;
    const qos = fields.byte();
    if (qos === undefined || qos > 2) return 'subscription_malformed';
  }
  return undefined;
}

/** What is wrong with an UNSUBSCRIBE after its message id (clause 3.10.3). */
export function unsubscribeFault(content: Buffer): PacketFault | undefined {
  const fields = new Fields(content);
  fields.at = 2;
  if (fields.atEnd) return 'subscription_malformed';
  while (!fields.atEnd) {
    const fault = filterFault(fields.text());
    if (fault) return fault;
  }
  return undefined;
}

function filterFault(filter: Buffer | undefined): PacketFault | undefined {
  if (!filter || !isFilter(filter.toString())) return 'subscription_malformed';
  return filter.length > longestTopicBytes ? 'topic_too_long' : undefined;
}

/** `#` alone in the last level, `+` alone in its level (clause 4.7.1). */
export function isFilter(filter: string): boolean {
  if (filter.length === 0) return false;
  const levels = filter.split('/');
  return levels.every((level, index) => {
    if (level.includes('#')) return level === '#' && index === levels.length - 1;
    return level === '+' || !level.includes('+');
  });
}
