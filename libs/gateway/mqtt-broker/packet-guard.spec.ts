import { describe, expect, it } from '@jest/globals';
import { connectPacket, packet, publishPacket, subscribePacket, text } from '../testing/index.js';
import { PacketGuard } from './packet-guard.js';

const limits = { maxConnectBytes: 16_384, maxMessageBytes: 262_144, subscriptionsPerConnection: 8 };
const good = { id: 'meter-1', secret: 's' };
const hello = connectPacket(good);

function loggedIn(): PacketGuard {
  const guard = new PacketGuard(limits);
  expect(guard.check(hello)).toBeUndefined();
  guard.place = { lane: 'bulk', partition: 0 };
  return guard;
}

describe('packets let through', () => {
  const cases: [string, Buffer][] = [
    ['publish QoS 0', publishPacket('devices/meter-1/telemetry', '{}', 0)],
    ['publish QoS 1', publishPacket('devices/meter-1/telemetry', '{}', 1)],
    ['publish QoS 1, repeated', publishPacket('devices/meter-1/telemetry', '{}', 1, 7, 8)],
    ['publish QoS 2', publishPacket('devices/meter-1/telemetry', '{}', 2)],
    ['publish without payload', publishPacket('devices/meter-1/up', '', 1)],
    ['publish of 200 KB', publishPacket('devices/meter-1/up', Buffer.alloc(200_000), 1)],
    ['subscribe to two filters', subscribePacket(['devices/meter-1/commands/#', 'devices/meter-1/commands/+'])],
    ['subscribe to as many filters as there may be', subscribePacket(Array.from({ length: 8 }, (_, n) => `a/${n}`))],
    ['unsubscribe', packet(0xa2, [0, 1], text('devices/meter-1/commands/#'))],
    ['pubrel', packet(0x62, [0, 1])],
    ['puback', packet(0x40, [0, 1])],
    ['ping', packet(0xc0)],
    ['disconnect', packet(0xe0)],
  ];
  it.each(cases)('%s, in one piece, in two, and byte by byte', (_name, bytes) => {
    expect(loggedIn().check(bytes)).toBeUndefined();
    for (let cut = 1; cut < Math.min(bytes.length, 100); cut++) {
      const guard = loggedIn();
      expect(guard.check(bytes.subarray(0, cut))).toBeUndefined();
      expect(guard.check(bytes.subarray(cut))).toBeUndefined();
    }
    const guard = loggedIn();
    for (const byte of bytes.subarray(0, 2_000)) expect(guard.check(Buffer.from([byte]))).toBeUndefined();
  });

  it('many in one chunk, and one over many chunks followed by another', () => {
    const guard = loggedIn();
    const one = publishPacket('devices/meter-1/up', Buffer.alloc(100_000), 1);
    const all = Buffer.concat([one, one, packet(0xc0), one]);
    for (let at = 0; at < all.length; at += 65_536) expect(guard.check(all.subarray(at, at + 65_536))).toBeUndefined();
    expect(guard.check(packet(0xc1))).toBe('packet_malformed');
  });

  it('MQTT 3.1', () => {
    expect(new PacketGuard(limits).check(connectPacket({ ...good, name: 'MQIsdp', level: 3 }))).toBeUndefined();
  });

  it('tells which QoS 2 messages are released', () => {
    const guard = loggedIn();
    const released: number[] = [];
    guard.released = (id) => released.push(id);
    guard.check(Buffer.concat([packet(0x62, [0, 9]), packet(0x40, [0, 3]), packet(0x62, [1, 0])]));
    expect(released).toEqual([9, 256]);
  });
});

describe('first packets refused', () => {
  const nul = Buffer.from('a\0b');
  const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
  const fields = (flags: number, ...more: (Uint8Array | number[])[]) =>
    packet(0x10, text('MQTT'), [4, flags, 0, 60], ...more);
  const cases: [string, Buffer, string][] = [
    ['a publish', publishPacket('devices/meter-1/telemetry', '{}'), 'connect_expected'],
    ['a ping', packet(0xc0), 'connect_expected'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'connect_expected'],
    ['TLS', Buffer.from([0x16, 3, 1, 2, 0, 1]), 'packet_malformed'],
    ['200 MB announced', Buffer.from([0x10, 0x80, 0x84, 0xaf, 0x5f, 0]), 'packet_too_large'],
    ['a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 1]), 'packet_malformed'],
    ['reserved header flags', packet(0x11, hello.subarray(2)), 'packet_malformed'],
    ['MQTT 5', connectPacket({ ...good, level: 5 }), 'protocol_version_unsupported'],
    ['level 3 under the name of 3.1.1', connectPacket({ ...good, level: 3 }), 'protocol_version_unsupported'],
    ['a bridge (level 0x84)', connectPacket({ ...good, level: 0x84 }), 'protocol_version_unsupported'],
    ['another protocol name', connectPacket({ ...good, name: 'MQTX' }), 'connect_malformed'],
    ['the reserved flag', fields(0xc3, text('a'), text('a'), text('a')), 'connect_malformed'],
    ['will QoS 3', fields(0x1e, text('a'), text('t'), text('p')), 'connect_malformed'],
    ['will QoS without a will', fields(0x0a, text('a')), 'connect_malformed'],
    ['will retain without a will', fields(0x22, text('a')), 'connect_malformed'],
    ['a password without a user name', fields(0x42, text('a'), text('p')), 'connect_malformed'],
    ['a missing password', fields(0xc2, text('a'), text('u')), 'connect_malformed'],
    ['bytes behind the end', fields(0xc2, text('a'), text('u'), text('p'), [0]), 'connect_malformed'],
    ['NUL in the client id', fields(0xc2, text(nul), text('u'), text('p')), 'connect_malformed'],
    ['a surrogate in the client id', fields(0xc2, text(surrogate), text('u'), text('p')), 'connect_malformed'],
    ['NUL in the user name', fields(0xc2, text('a'), text(nul), text('p')), 'connect_malformed'],
    ['a wildcard in the will topic', fields(0x06, text('a'), text('a/#'), text('p')), 'connect_malformed'],
    ['an empty will topic', fields(0x06, text('a'), text(''), text('p')), 'connect_malformed'],
    [
      'an empty client id with a session to keep',
      connectPacket({ ...good, clientId: '', flags: 0xc0 }),
      'client_id_empty',
    ],
    ['an empty client id', connectPacket({ ...good, clientId: '' }), 'client_id_empty'],
    ['a length that ends too early', packet(0x10, text('MQTT'), [4, 0xc2, 0]), 'connect_malformed'],
    ['nothing', packet(0x10), 'connect_malformed'],
  ];
  it.each(cases)('%s', (_name, bytes, fault) => {
    expect(new PacketGuard(limits).check(bytes)).toBe(fault);
  });
});

describe('later packets refused', () => {
  const nul = Buffer.from('devices/\0');
  const topic = 'devices/meter-1/telemetry';
  const cases: [string, Buffer, string][] = [
    ['a second connect', hello, 'connect_repeated'],
    ['publish QoS 3', publishPacket(topic, '{}', 3), 'packet_malformed'],
    ['publish QoS 0 as a repeat', publishPacket(topic, '{}', 0, 0, 8), 'packet_malformed'],
    ['publish with message id 0', publishPacket(topic, '{}', 1, 0), 'message_id_zero'],
    ['publish with message id 0, QoS 2', publishPacket(topic, '{}', 2, 0), 'message_id_zero'],
    ['publish on nothing', publishPacket('', '{}'), 'packet_malformed'],
    ['publish with a topic longer than itself', packet(0x30, [0, 9, 65]), 'packet_malformed'],
    ['publish that ends in its message id', packet(0x32, text('a'), [0]), 'packet_malformed'],
    ['publish of one byte', packet(0x30, [0]), 'packet_malformed'],
    ['publish on a topic of 2 KB', publishPacket('a'.repeat(2_000), '{}'), 'topic_too_long'],
    ['publish over 256 KB', publishPacket(topic, Buffer.alloc(262_145)), 'packet_too_large'],
    ['subscribe over 16 KB', subscribePacket(['a'.repeat(17_000)]), 'packet_too_large'],
    [
      'subscribe to too many filters',
      subscribePacket(Array.from({ length: 9 }, (_, n) => `a/${n}`)),
      'too_many_subscriptions',
    ],
    ['subscribe to a filter of 2 KB', subscribePacket(['a'.repeat(2_000)]), 'topic_too_long'],
    ['subscribe to nothing', packet(0x82, [0, 1]), 'subscription_malformed'],
    ['subscribe without flags', packet(0x80, [0, 1], text('a'), [0]), 'packet_malformed'],
    ['subscribe with message id 0', subscribePacket(['a'], 0, 0), 'message_id_zero'],
    ['subscribe with QoS 3', subscribePacket(['a'], 3), 'subscription_malformed'],
    ['subscribe to an empty filter', subscribePacket(['']), 'subscription_malformed'],
    ['subscribe with # in the middle', subscribePacket(['a/#/b']), 'subscription_malformed'],
    ['subscribe with # behind a letter', subscribePacket(['a#']), 'subscription_malformed'],
    ['subscribe with + behind a letter', subscribePacket(['a+/b']), 'subscription_malformed'],
    ['subscribe with NUL', packet(0x82, [0, 1], text(nul), [0]), 'subscription_malformed'],
    ['unsubscribe from nothing', packet(0xa2, [0, 1]), 'subscription_malformed'],
    ['ping with a body', packet(0xc0, [1]), 'packet_malformed'],
    ['pubrel without its flag', packet(0x60, [0, 1]), 'packet_malformed'],
    ['puback of three bytes', packet(0x40, [0, 1, 0]), 'packet_malformed'],
    ['puback of message id 0', packet(0x40, [0, 0]), 'message_id_zero'],
    ['a connack', packet(0x20, [0, 0]), 'packet_type_invalid'],
    ['a suback', packet(0x90, [0, 1, 0]), 'packet_type_invalid'],
    ['type 0', packet(0x00), 'packet_type_invalid'],
    ['type 15', packet(0xf0), 'packet_type_invalid'],
    ['a ping after disconnect', Buffer.concat([packet(0xe0), packet(0xc0)]), 'after_disconnect'],
  ];
  it.each(cases)('%s', (_name, bytes, fault) => {
    expect(loggedIn().check(bytes)).toBe(fault);
    const guard = loggedIn();
    const faults = [...bytes.subarray(0, 4_000)].map((byte) => guard.check(Buffer.from([byte])));
    expect(faults.find((found) => found !== undefined)).toBe(fault);
  });

  it('a large publish before the login is over', () => {
    const guard = new PacketGuard(limits);
    guard.check(hello);
    expect(guard.check(publishPacket('devices/meter-1/up', Buffer.alloc(20_000)))).toBe('packet_too_large');
  });
});
