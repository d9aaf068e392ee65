import { describe, expect, it } from '@jest/globals';
import { packet, publishPacket, subscribePacket } from '../testing/index.js';
import { findPlainPublish, type PlainPublish } from './plain-publish.js';

const topic = 'devices/meter-1/telemetry';

function find(bytes: Buffer, at = 0): (PlainPublish & { topic: string; payload: Buffer }) | undefined {
  const found = { topicStart: 0, topicEnd: 0, messageId: 0, payloadStart: 0, end: 0 };
  if (!findPlainPublish(bytes, at, found)) return undefined;
  return {
    ...found,
    topic: bytes.toString('utf8', found.topicStart, found.topicEnd),
    payload: bytes.subarray(found.payloadStart, found.end),
  };
}

describe('finds a QoS 1 publish', () => {
  const cases: [string, Buffer, number, Buffer][] = [
    ['of a few bytes', publishPacket(topic, '{}', 1, 7), 7, Buffer.from('{}')],
    ['without payload', publishPacket(topic, '', 1, 65_535), 65_535, Buffer.alloc(0)],
    ['repeated', publishPacket(topic, 'a', 1, 256, 8), 256, Buffer.from('a')],
    ['retained', publishPacket(topic, 'a', 1, 1, 1), 1, Buffer.from('a')],
    ['with a length of two bytes', publishPacket(topic, Buffer.alloc(200, 1), 1, 2), 2, Buffer.alloc(200, 1)],
    ['with a length of three bytes', publishPacket(topic, Buffer.alloc(70_000, 1), 1, 3), 3, Buffer.alloc(70_000, 1)],
  ];
  it.each(cases)('%s', (_name, bytes, messageId, payload) => {
    expect(find(bytes)).toMatchObject({ topic, messageId, end: bytes.length });
    expect(find(bytes)?.payload.equals(payload)).toBe(true);
    for (let cut = 0; cut < Math.min(bytes.length, 300); cut++) expect(find(bytes.subarray(0, cut))).toBeUndefined();
  });

  it('behind another', () => {
    const one = publishPacket(topic, 'first', 1, 1);
    const both = Buffer.concat([one, publishPacket('devices/meter-1/up', 'second', 1, 2)]);
    expect(find(both)).toMatchObject({ topic, messageId: 1, end: one.length });
    expect(find(both, one.length)).toMatchObject({ topic: 'devices/meter-1/up', messageId: 2, end: both.length });
  });
});

describe('leaves to the broker', () => {
  const cases: [string, Buffer][] = [
    ['QoS 0', publishPacket(topic, '{}', 0)],
    ['QoS 2', publishPacket(topic, '{}', 2)],
    ['a ping', packet(0xc0)],
    ['a subscription', subscribePacket(['devices/meter-1/commands/#'])],
    ['a PUBREL', packet(0x62, [0, 1])],
    ['a topic longer than the packet', packet(0x32, [0, 9, 65, 66])],
    ['a length of five bytes', Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 1, 0, 1, 65, 0, 1])],
    ['nothing', Buffer.alloc(0)],
  ];
  it.each(cases)('%s', (_name, bytes) => {
    expect(find(bytes)).toBeUndefined();
  });
});
