import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import mqtt from 'mqtt';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { devices } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import {
  type ConnectFields,
  connectPacket,
  eventually,
  openTestGateway,
  packet,
  publishPacket,
  RawDevice,
  storedDeadLetters,
  storedMessages,
  type TestGateway,
} from '../testing/index.js';

let stream: TestStream;
let registry: TestRegistry;
let gateway: TestGateway;
let seeded: Seeded;
let next = 0;

/** A device that no other test uses. */
function device(): Seeded['devices'][number] {
  const found = seeded.devices[next++];
  if (!found) throw new Error('seed more devices');
  return found;
}

const telemetry = (id: string) => `devices/${id}/telemetry`;

async function payloadsOf(key: string): Promise<string[]> {
  const messages = await storedMessages(stream.log);
  return messages
    .filter((m) => m.deviceKey === key && m.kind !== 'connected' && m.kind !== 'disconnected')
    .map((m) => Buffer.from(m.payload).toString());
}

async function kindsOf(key: string): Promise<string[]> {
  return (await storedMessages(stream.log)).filter((m) => m.deviceKey === key).map((m) => m.kind);
}

beforeAll(async () => {
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  seeded = await seedDevices(registry.database, { count: 60, prefix: 'dev-' });
  gateway = await openTestGateway(stream.log, registry.database, {
    GATEWAY_REFUSALS_PER_CONNECTION: '3',
    GATEWAY_CONNECT_TIMEOUT_MS: '500',
    GATEWAY_FAILED_LOGINS_PER_DEVICE: '4',
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await registry?.stop();
  await stream?.stop();
});

describe('login', () => {
  const refused: [string, (good: ConnectFields) => ConnectFields, number, string][] = [
    ['a wrong secret', (good) => ({ ...good, secret: 'wrong' }), 4, 'wrong_secret'],
    ['an unknown device', () => ({ id: 'nobody', secret: 'x' }), 4, 'unknown_device'],
    ['no user name', (good) => ({ ...good, flags: 0x02 }), 4, 'credentials_missing'],
    ['no password', (good) => ({ ...good, flags: 0x82 }), 4, 'credentials_missing'],
    ['a client id that is not its own', (good) => ({ ...good, clientId: 'x' }), 2, 'client_id_foreign'],
    ['an empty client id', (good) => ({ ...good, clientId: '' }), 2, 'client_id_empty'],
    ['MQTT 5', (good) => ({ ...good, level: 5 }), 1, 'protocol_version_unsupported'],
    [
      "a will on another device's topic",
      (good) => ({ ...good, will: { topic: telemetry('x'), payload: '' } }),
      5,
      'will_topic_not_allowed',
    ],
  ];
  it.each(refused)('refuses %s', async (_name, change, code, reason) => {
    const before = await gateway.metric('gateway_refused_total', { reason });
    const raw = await RawDevice.open(gateway.mqttPort);
    raw.send(connectPacket(change(device())));
    expect([...(await raw.read(4))]).toEqual([0x20, 2, 0, code]);
    await raw.ended();
    expect(await gateway.metric('gateway_refused_total', { reason })).toBe(before + 1);
  });

  it('accepts MQTT 3.1.1 and MQTT 3.1, in any letter case', async () => {
    const { id, secret } = device();
    const first = await RawDevice.login(gateway.mqttPort, { id: id.toUpperCase(), secret });
    first.close();
    const second = await RawDevice.login(gateway.mqttPort, { id, secret, name: 'MQIsdp', level: 3 });
    second.close();
  });

  it('lets a device in that was registered a moment ago', async () => {
    const fresh = await seedDevices(registry.database, { prefix: 'fresh-' });
    const raw = await RawDevice.login(gateway.mqttPort, fresh.devices[0] as Seeded['devices'][number]);
    raw.close();
  });

  it('refuses a disabled device', async () => {
    const disabled = await seedDevices(registry.database, { prefix: 'disabled-', status: 'disabled' });
    const login = RawDevice.login(gateway.mqttPort, disabled.devices[0] as Seeded['devices'][number]);
    await expect(login).rejects.toThrow('refused with 5');
  });

  it('stops looking after a few failures, for that device only', async () => {
    const victim = device();
    for (let n = 0; n < 4; n++) {
      await expect(RawDevice.login(gateway.mqttPort, { ...victim, secret: 'x' })).rejects.toThrow('refused with 4');
    }
    await expect(RawDevice.login(gateway.mqttPort, victim)).rejects.toThrow('refused with 3');
    (await RawDevice.login(gateway.mqttPort, device())).close();
  });

  it('closes a connection that never says anything', async () => {
    const raw = await RawDevice.open(gateway.mqttPort);
    await raw.ended();
    expect(await gateway.metric('gateway_refused_total', { reason: 'connect_timeout' })).toBeGreaterThan(0);
  });

  it('leaves the victim of a foreign client id connected', async () => {
    const victim = device();
    const raw = await RawDevice.login(gateway.mqttPort, victim);
    const intruder = RawDevice.login(gateway.mqttPort, { ...device(), clientId: victim.id });
    await expect(intruder).rejects.toThrow('refused with 2');
    raw.send(packet(0xc0));
    expect([...(await raw.read(2))]).toEqual([0xd0, 0]);
    raw.close();
  });
});

describe('publish', () => {
  it('is stored before it is acknowledged, in order, whatever the QoS', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const packets = Array.from({ length: 300 }, (_, n) => publishPacket(telemetry(own.id), `{"seq":${n}}`, 1, n + 1));
    raw.send(...packets);
    const acknowledgements = await raw.read(4 * 300);
    for (let n = 0; n < 300; n++) expect(acknowledgements.readUInt16BE(n * 4 + 2)).toBe(n + 1);
    expect(await payloadsOf(own.key)).toEqual(Array.from({ length: 300 }, (_, n) => `{"seq":${n}}`));
    raw.send(publishPacket(telemetry(own.id), 'zero', 0), publishPacket(telemetry(own.id), 'one', 1, 999));
    await raw.read(4);
    expect((await payloadsOf(own.key)).slice(300)).toEqual(['zero', 'one']);
    raw.close();
  });

  it('carries kind, name, owner and bytes', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const bytes = Buffer.from([0, 255, 1]);
    raw.send(
      publishPacket(telemetry(own.id), '{}', 1, 1),
      publishPacket(`devices/${own.id.toUpperCase()}/up`, bytes, 1, 2),
      publishPacket(`devices/${own.id}/up/17`, bytes, 1, 3, 1),
      publishPacket(`devices/${own.id}/events/alarm`, '', 1, 4),
    );
    await raw.read(16);
    const found = (await storedMessages(stream.log)).filter((m) => m.deviceKey === own.key && m.kind !== 'connected');
    expect(found.map((m) => [m.kind, m.name, m.tenantKey, m.productKey])).toEqual(
      [
        ['telemetry', ''],
        ['up', ''],
        ['up', '17'],
        ['event', 'alarm'],
      ].map((pair) => [...pair, seeded.tenantKey, seeded.productKey]),
    );
    expect(Buffer.from(found[1]?.payload ?? [])).toEqual(bytes);
    raw.close();
  });

  it('QoS 2 is stored once however often it is repeated, also over a reconnect', async () => {
    const own = device();
    const keep = { ...own, flags: 0xc0 };
    const first = await RawDevice.login(gateway.mqttPort, keep);
    const publish = publishPacket(telemetry(own.id), 'once', 2, 7);
    const again = publishPacket(telemetry(own.id), 'once', 2, 7, 8);
    first.send(publish, again, again);
    expect((await first.read(12)).toString('hex')).toBe('500200075002000750020007');
    first.close();
    const second = await RawDevice.login(gateway.mqttPort, keep);
    second.send(again);
    await second.read(4);
    expect(await payloadsOf(own.key)).toEqual(['once']);
    second.send(packet(0x62, [0, 7]));
    expect((await second.read(4)).toString('hex')).toBe('70020007');
    second.send(publishPacket(telemetry(own.id), 'next', 2, 7));
    await second.read(4);
    expect(await payloadsOf(own.key)).toEqual(['once', 'next']);
    second.close();
  });

  it('on a foreign topic is acknowledged, kept as a dead letter, and no more', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const before = await gateway.metric('discards_total', { stage: 'gateway', reason: 'topic_not_allowed' });
    raw.send(publishPacket(telemetry('dev-1'), 'spoof', 1, 5), publishPacket(telemetry(own.id), 'own', 1, 6));
    expect((await raw.read(8)).toString('hex')).toBe('4002000540020006');
    const letter = (await storedDeadLetters(stream.log)).find((one) => one.deviceKey === own.key);
    expect(letter).toMatchObject({ stage: 'gateway', reason: 'topic_not_allowed', tenantKey: seeded.tenantKey });
    expect(letter?.detail).toContain('devices/dev-1/telemetry');
    expect(Buffer.from(letter?.original ?? []).toString()).toBe('spoof');
    expect(await payloadsOf(own.key)).toEqual(['own']);
    expect(await gateway.metric('discards_total', { stage: 'gateway', reason: 'topic_not_allowed' })).toBe(before + 1);
    raw.close();
  });

  it('on foreign topics again and again ends the connection', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    for (let n = 1; n <= 4; n++) raw.send(publishPacket(telemetry('x'), '', 1, n));
    await raw.ended();
    const letters = async () => (await storedDeadLetters(stream.log)).filter((one) => one.deviceKey === own.key);
    await eventually(async () => (await letters()).length > 0);
    expect(await letters()).toHaveLength(3);
  });

  it('on a malformed topic ends the connection', async () => {
    for (const topic of ['devices/\0', Buffer.from([0xed, 0xa0, 0x80]), 'devices/+/telemetry', '#']) {
      const raw = await RawDevice.login(gateway.mqttPort, device());
      raw.send(publishPacket(topic, '{}', 1, 1));
      expect(await raw.ended()).toHaveLength(0);
    }
  });

  it('over the limit ends the connection and hurts nobody else', async () => {
    const bystander = await RawDevice.login(gateway.mqttPort, device());
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const largest = 262_144 - 4 - 2 - telemetry(own.id).length - 2;
    raw.send(publishPacket(telemetry(own.id), Buffer.alloc(largest, 'a'), 1, 1));
    await raw.read(4);
    raw.send(publishPacket(telemetry(own.id), Buffer.alloc(largest + 1, 'a'), 1, 2));
    await raw.ended();
    expect(await gateway.metric('gateway_refused_total', { reason: 'packet_too_large' })).toBe(1);
    bystander.send(packet(0xc0));
    await bystander.read(2);
    bystander.close();
  });

  it("for a child needs the child's parent", async () => {
    const [parent, child, stranger] = [device(), device(), device()];
    await registry.database.update(devices).set({ parentKey: parent.key }).where(eq(devices.key, child.key));
    await eventually(() => gateway.directory.byKey(child.key)?.parentKey === parent.key);
    const raw = await RawDevice.login(gateway.mqttPort, parent);
    const topic = (id: string) => `devices/${parent.id}/children/${id}/telemetry`;
    raw.send(publishPacket(topic(child.id), 'child', 1, 1), publishPacket(topic(stranger.id), 'stranger', 1, 2));
    await raw.read(8);
    expect(await payloadsOf(child.key)).toEqual(['child']);
    expect(await payloadsOf(stranger.key)).toEqual([]);
    await registry.database.update(devices).set({ parentKey: null }).where(eq(devices.key, child.key));
    await eventually(() => gateway.directory.byKey(child.key)?.parentKey === undefined);
    raw.send(publishPacket(topic(child.id), 'orphan', 1, 3));
    await raw.read(4);
    expect(await payloadsOf(child.key)).toEqual(['child']);
    raw.close();
  });
});

describe('connections', () => {
  it('are filed when they begin and end, and taken over', async () => {
    const own = device();
    const first = await RawDevice.login(gateway.mqttPort, own);
    const second = await RawDevice.login(gateway.mqttPort, own);
    await first.ended();
    second.send(publishPacket(telemetry(own.id), '{}', 1, 1));
    await second.read(4);
    second.send(packet(0xe0));
    await second.ended();
    await eventually(async () => (await kindsOf(own.key)).length === 5);
    expect(await kindsOf(own.key)).toEqual(['connected', 'disconnected', 'connected', 'telemetry', 'disconnected']);
  });

  it('leave their will behind, unless they say goodbye', async () => {
    const own = device();
    const will = { topic: `devices/${own.id}/events/lost`, payload: 'gone' };
    const polite = await RawDevice.login(gateway.mqttPort, { ...own, will });
    polite.send(packet(0xe0));
    await polite.ended();
    const lost = await RawDevice.login(gateway.mqttPort, { ...own, will });
    lost.close();
    await eventually(async () => (await payloadsOf(own.key)).length > 0);
    expect(await payloadsOf(own.key)).toEqual(['gone']);
  });

  it('leave a will of QoS 2 behind each time, also of a persistent session', async () => {
    const own = device();
    // User name and password, a will of QoS 2, and a session to keep.
    const fields = { ...own, flags: 0xd4, will: { topic: `devices/${own.id}/events/lost`, payload: 'gone' } };
    for (const wills of [1, 2]) {
      const lost = await RawDevice.login(gateway.mqttPort, fields);
      lost.close();
      await eventually(async () => (await payloadsOf(own.key)).length === wills);
    }
  });

  it('end within 5 s when the device is disabled', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const started = performance.now();
    await registry.database.update(devices).set({ status: 'disabled' }).where(eq(devices.key, own.key));
    await raw.ended();
    expect(performance.now() - started).toBeLessThan(5_000);
    await expect(RawDevice.login(gateway.mqttPort, own)).rejects.toThrow('refused with 5');
  });

  it('end within 5 s when the secret is rotated away', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const started = performance.now();
    await registry.database
      .update(devices)
      .set({ secretHash: Buffer.alloc(32) })
      .where(eq(devices.key, own.key));
    await raw.ended();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('go on with a secret that has been rotated for as long as it is good, and end then', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const started = performance.now();
    const [row] = await registry.database.select().from(devices).where(eq(devices.key, own.key));
    await registry.database
      .update(devices)
      .set({
        secretHash: Buffer.alloc(32),
        previousSecretHash: row?.secretHash ?? null,
        previousSecretUntil: new Date(Date.now() + 3_000),
      })
      .where(eq(devices.key, own.key));
    await raw.ended();
    expect(performance.now() - started).toBeGreaterThan(2_500);
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  it('serve a stock client', async () => {
    const own = device();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      clientId: own.id,
      username: own.id,
      password: own.secret,
      reconnectPeriod: 0,
    });
    const granted = await client.subscribeAsync(`devices/${own.id}/commands/#`);
    expect(granted[0]?.qos).toBe(0);
    for (const qos of [0, 1, 2] as const) await client.publishAsync(telemetry(own.id), `{"qos":${qos}}`, { qos });
    await client.endAsync();
    expect(await payloadsOf(own.key)).toEqual(['{"qos":0}', '{"qos":1}', '{"qos":2}']);
  });
});
