import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RawMessage } from '#libs/contracts';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import type { Written } from '../raw-writer.js';
import {
  openTestGateway,
  packet,
  publishPacket,
  RawDevice,
  storedMessages,
  subscribePacket,
  type TestGateway,
} from '../testing/index.js';
import type { DeviceSession, Route } from './device-session.js';
import { PublishShortcut, type ShortcutGate } from './publish-shortcut.js';

const own = { key: 'own', tenantKey: 't', productKey: 'p' } as Route['device'];
const child = { ...own, key: 'child' } as Route['device'];
const routes: Record<string, Route> = {
  a: { device: own, kind: 'telemetry', name: '' },
  b: { device: own, kind: 'up', name: '7' },
  c: { device: child, kind: 'telemetry', name: '' },
};
const one = (topic: string, id: number) => publishPacket(topic, `${topic}${id}`, 1, id);

/** A shortcut between a gate and a socket that only take notes. */
function scene(keepAliveSeconds = 0) {
  const filed: { messages: readonly RawMessage[]; device: Route['device']; written: Written }[] = [];
  const sent: string[] = [];
  const errors: string[] = [];
  const clock = { now: 1_000_000 };
  const client = new EventEmitter().on('error', (error: Error) => errors.push(error.message));
  const socket = {
    destroyed: false,
    writableNeedDrain: false,
    write: (bytes: Buffer) => sent.push(bytes.toString('hex')),
  };
  const gate: ShortcutGate = {
    now: () => clock.now,
    knownRoute: (_session, topic) => routes[topic],
    writeAll: (_session, messages, device, written) => filed.push({ messages, device, written }),
  };
  const session = { client } as unknown as DeviceSession;
  const shortcut = new PublishShortcut(session, socket as unknown as Socket, gate, keepAliveSeconds);
  const payloads = () =>
    filed.map(({ messages }) => messages.map((message) => Buffer.from(message.payload).toString()));
  return { shortcut, filed, sent, errors, clock, socket, payloads };
}

describe('the shortcut', () => {
  it('files known publishes with their route, and acknowledges them once they are written, together', () => {
    const { shortcut, filed, sent, payloads } = scene();
    expect(shortcut.take(Buffer.concat([one('a', 1), one('b', 258)]))).toBeNull();
    expect(payloads()).toEqual([['a1', 'b258']]);
    expect(filed[0]?.messages[1]).toMatchObject({
      kind: 'up',
      name: '7',
      tenantKey: 't',
      deviceKey: 'own',
      productKey: 'p',
      receivedAt: 1_000_000,
    });
    expect(sent).toEqual([]);
    filed[0]?.written(null);
    expect(sent).toEqual(['4002000140020102']);
  });

  it('leaves to aedes whatever is not a known QoS 1 publish, and all behind it', () => {
    for (const other of [
      publishPacket('unknown', 'x', 1, 3),
      publishPacket('a', 'x', 0),
      publishPacket('a', 'x', 2, 3),
      packet(0xc0),
    ]) {
      const { shortcut, payloads } = scene();
      expect(shortcut.take(Buffer.concat([one('a', 1), other, one('a', 2)]))).toEqual(
        Buffer.concat([other, one('a', 2)]),
      );
      expect(payloads()).toEqual([['a1']]);
      expect(shortcut.take(other)).toBe(other);
    }
    const { shortcut } = scene();
    const cut = one('a', 3).subarray(0, 5);
    expect(shortcut.take(Buffer.concat([one('a', 1), cut]))).toEqual(cut);
  });

  it('files each device apart, and no more than 64 together', () => {
    const { shortcut, filed, payloads } = scene();
    const many = Array.from({ length: 70 }, (_, n) => one('a', n + 1));
    expect(shortcut.take(Buffer.concat([...many, one('c', 71), one('a', 72)]))).toBeNull();
    expect(payloads().map((group) => group.length)).toEqual([64, 6, 1, 1]);
    expect(filed.map(({ device }) => device.key)).toEqual(['own', 'own', 'child', 'own']);
  });

  it('says when nothing waits any more, once', () => {
    const { shortcut, filed } = scene();
    let idle = 0;
    shortcut.take(Buffer.concat([one('a', 1), one('c', 2)]));
    shortcut.whenIdle = () => idle++;
    filed[0]?.written(null);
    expect([shortcut.waiting, idle]).toEqual([1, 0]);
    filed[1]?.written(null);
    expect([shortcut.waiting, idle]).toEqual([0, 1]);
    shortcut.take(one('a', 3));
    filed[2]?.written(null);
    expect(idle).toBe(1);
  });

  it('acknowledges nothing that could not be written, or nobody is there to hear', () => {
    const { shortcut, filed, sent, errors, socket } = scene();
    shortcut.take(one('a', 1));
    filed[0]?.written(new Error('lost'));
    shortcut.take(one('a', 2));
    socket.destroyed = true;
    filed[1]?.written(null);
    expect(errors).toEqual(['lost', 'connection closed']);
    expect(sent).toEqual([]);
    expect(shortcut.waiting).toBe(0);
  });

  it('shows aedes a packet every quarter of the keep-alive, whatever the clock does', () => {
    const { shortcut, clock } = scene(60);
    const takes = () => shortcut.take(one('a', 1)) === null;
    expect(takes()).toBe(false);
    clock.now += 14_999;
    expect(takes()).toBe(true);
    clock.now += 1;
    expect(takes()).toBe(false);
    expect(takes()).toBe(true);
    clock.now -= 3_600_000;
    expect(takes()).toBe(false);
  });

  it('leaves a device that does not read its acknowledgements to aedes', () => {
    const { shortcut, socket } = scene();
    socket.writableNeedDrain = true;
    expect(shortcut.take(one('a', 1))).toEqual(one('a', 1));
  });
});

describe('in the gateway', () => {
  let stream: TestStream;
  let registry: TestRegistry;
  let gateway: TestGateway;
  let seeded: Seeded;

  beforeAll(async () => {
    [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
    seeded = await seedDevices(registry.database, { count: 5, prefix: 'short-' });
    gateway = await openTestGateway(stream.log, registry.database, { GATEWAY_REFUSALS_PER_CONNECTION: '1000' });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await registry?.stop();
    await stream?.stop();
  });

  const device = (index: number) => seeded.devices[index] as Seeded['devices'][number];

  /** Packets of every sort among many plain publishes; ids run on, so acknowledgements tell them apart. */
  function script(id: string): { bytes: Buffer; acknowledgements: number } {
    const telemetry = `devices/${id}/telemetry`;
    const packets: Buffer[] = [publishPacket(telemetry, '0', 1, 1), publishPacket(`devices/${id}/up`, '1', 1, 2)];
    let acknowledgements = 8;
    for (let n = 2; n < 400; n++) {
      acknowledgements += 4;
      if (n % 17 === 0) packets.push(publishPacket(telemetry, `${n}`, 2, n + 1));
      else if (n % 13 === 0) packets.push(publishPacket('devices/x/telemetry', `${n}`, 1, n + 1));
      else if (n % 11 === 0) packets.push(publishPacket(`devices/${id}/events/e${n}`, `${n}`, 1, n + 1, 8));
      else if (n % 7 === 0) packets.push(publishPacket(`devices/${id}/up`, Buffer.alloc(300, n), 1, n + 1, 1));
      else packets.push(publishPacket(telemetry, `${n}`, 1, n + 1));
      if (n % 19 === 0) packets.push(publishPacket(telemetry, `${n} again`, 0));
    }
    return { bytes: Buffer.concat(packets), acknowledgements };
  }

  /** Sends the script in pieces and returns what came of it: PUBACK ids in order, and what was stored in order. */
  async function play(index: number, pieces: (bytes: Buffer) => Buffer[]) {
    const own = device(index);
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const { bytes, acknowledgements } = script(own.id);
    for (const piece of pieces(bytes)) {
      raw.socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const answers = await raw.read(acknowledgements);
    raw.close();
    const ids: Record<number, number[]> = {};
    for (let at = 0; at < answers.length; at += 4) {
      const type = answers[at] as number;
      ids[type] ??= [];
      ids[type].push(answers.readUInt16BE(at + 2));
    }
    const stored = (await storedMessages(stream.log))
      .filter((m) => m.deviceKey === own.key && m.kind !== 'connected' && m.kind !== 'disconnected')
      .map((m) => [m.kind, m.name, m.tenantKey, m.productKey, Buffer.from(m.payload).toString('hex')]);
    return { ids, stored };
  }

  it('it comes to the same as aedes, in the same order', async () => {
    // Pieces that end within a packet are aedes' altogether.
    const byAedes = await play(0, (bytes) => {
      const pieces = [bytes.subarray(0, 1)];
      for (let at = 1; at < bytes.length; at += 997) pieces.push(bytes.subarray(at, at + 997));
      return pieces;
    });
    const whole = await play(1, (bytes) => [bytes]);
    const packetwise = await play(2, (bytes) => {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        // Every packet of the script has a length of one or two bytes.
        const first = bytes[at + 1] as number;
        const size = first < 128 ? 2 + first : 3 + (first & 127) + (bytes[at + 2] as number) * 128;
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const joined: Buffer[] = [];
      for (let at = 0; at < pieces.length; at += 9) joined.push(Buffer.concat(pieces.slice(at, at + 9)));
      return joined;
    });
    expect(byAedes.stored.length).toBeGreaterThan(380);
    expect(byAedes.ids[0x40]).toEqual([...(byAedes.ids[0x40] ?? [])].sort((a, b) => a - b));
    expect(whole).toEqual(byAedes);
    expect(packetwise).toEqual(byAedes);
  });

  it('it takes no payload for a packet, wherever the bytes are cut', async () => {
    const own = device(4);
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const topic = `devices/${own.id}/telemetry`;
    raw.send(publishPacket(topic, 'first', 1, 1));
    await raw.read(4);
    const inner = publishPacket(topic, 'no packet', 1, 99);
    const outer = publishPacket(topic, inner, 1, 2);
    raw.send(outer.subarray(0, outer.length - inner.length));
    await new Promise((resolve) => setTimeout(resolve, 50));
    raw.send(inner, publishPacket(topic, 'last', 1, 3));
    expect((await raw.read(8)).toString('hex')).toBe('4002000240020003');
    const stored = (await storedMessages(stream.log)).filter((m) => m.deviceKey === own.key && m.kind === 'telemetry');
    expect(stored.map((m) => Buffer.from(m.payload).toString())).toEqual(['first', inner.toString(), 'last']);
    raw.close();
  });

  it('it keeps a connection alive that only ever publishes', async () => {
    const own = device(3);
    const raw = await RawDevice.login(gateway.mqttPort, { ...own, keepAlive: 1 });
    for (let n = 1; n <= 25; n++) {
      raw.send(publishPacket(`devices/${own.id}/telemetry`, `${n}`, 1, n));
      expect((await raw.read(4)).readUInt16BE(2)).toBe(n);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    raw.send(subscribePacket([`devices/${own.id}/commands/#`]));
    expect((await raw.read(5))[0]).toBe(0x90);
    raw.close();
  });
});
