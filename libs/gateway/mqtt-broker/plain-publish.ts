/** Where the parts of a publish lie in its bytes. */
export interface PlainPublish {
  topicStart: number;
  topicEnd: number;
  messageId: number;
  payloadStart: number;
  /** The byte after the packet. */
  end: number;
}

const publishOfQos1 = 0x32;
/** Type and QoS; DUP and RETAIN make no difference here. */
const typeAndQos = 0xf6;

/**
 * Finds the parts of a QoS 1 PUBLISH (MQTT 3.1.1 clause 3.3) that begins at `at` and lies wholly in `bytes`, which the
 * packet guard has let through. False for anything else. Fills `found`: no object per message.
 */
export function findPlainPublish(bytes: Buffer, at: number, found: PlainPublish): boolean {
  if (((bytes[at] ?? 0) & typeAndQos) !== publishOfQos1) return false;
  let remaining = 0;
  let body = at + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[body++];
    if (byte === undefined || shift > 21) return false;
    remaining |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = body + remaining;
  if (end > bytes.length || remaining < 4) return false;
  const topicStart = body + 2;
  const topicEnd = topicStart + (((bytes[body] as number) << 8) | (bytes[body + 1] as number));
  if (topicEnd + 2 > end) return false;
  found.topicStart = topicStart;
  found.topicEnd = topicEnd;
  found.messageId = ((bytes[topicEnd] as number) << 8) | (bytes[topicEnd + 1] as number);
  found.payloadStart = topicEnd + 2;
  found.end = end;
  return true;
}
