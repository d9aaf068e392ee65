import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import {
  eventually,
  openTestGateway,
  packet,
  publishPacket,
  RawDevice,
  storedMessages,
  type TestGateway,
} from './testing/index.js';

const connections = 1_000;
const messagesEach = 20;
const flooders = 10;
const floodMessages = 20_000;
const trips = 5;

let stream: TestStream;
let registry: TestRegistry;
let gateway: TestGateway;
let seeded: Seeded;

beforeAll(async () => {
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  seeded = await seedDevices(registry.database, { count: connections + flooders, prefix: 'load-' });
  gateway = await openTestGateway(stream.log, registry.database, { GATEWAY_MAX_IN_FLIGHT: '500' });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await registry?.stop();
  await stream?.stop();
});

describe('under load', () => {
  it('1,000 connections publish, each in order, none lost, in-flight messages bounded', async () => {
    const crowd = seeded.devices.slice(0, connections);
    const raws = await Promise.all(crowd.map((device) => RawDevice.login(gateway.mqttPort, device)));
    expect(await gateway.metric('gateway_connections')).toBe(connections);
    await Promise.all(
      raws.map(async (raw, index) => {
        const topic = `devices/${crowd[index]?.id}/telemetry`;
        raw.send(...Array.from({ length: messagesEach }, (_, n) => publishPacket(topic, `${n}`, 1, n + 1)));
        const acknowledgements = await raw.read(4 * messagesEach);
        for (let n = 0; n < messagesEach; n++) expect(acknowledgements.readUInt16BE(n * 4 + 2)).toBe(n + 1);
      }),
    );
    const stored = (await storedMessages(stream.log)).filter((message) => message.kind === 'telemetry');
    expect(stored).toHaveLength(connections * messagesEach);
    const perDevice = new Map<string, string[]>();
    for (const message of stored) {
      const found = perDevice.get(message.deviceKey) ?? [];
      found.push(Buffer.from(message.payload).toString());
      perDevice.set(message.deviceKey, found);
    }
    const expected = Array.from({ length: messagesEach }, (_, n) => `${n}`);
    for (const payloads of perDevice.values()) expect(payloads).toEqual(expected);
    for (const raw of raws) raw.close();
    await eventually(async () => (await gateway.metric('gateway_connections')) === 0);
  });

  it('a flood of QoS 0 starves nobody', async () => {
    const flood = await Promise.all(
      seeded.devices.slice(connections).map((device) => RawDevice.login(gateway.mqttPort, device)),
    );
    const bystander = seeded.devices[0] as Seeded['devices'][number];
    const raw = await RawDevice.login(gateway.mqttPort, bystander);
    for (const [index, flooder] of flood.entries()) {
      const publish = publishPacket(`devices/${seeded.devices[connections + index]?.id}/telemetry`, '{"values":{}}', 0);
      const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => publish));
      for (let sent = 0; sent < floodMessages; sent += 1_000) flooder.send(chunk);
    }
    const taken = () => gateway.metric('gateway_messages_total', { kind: 'telemetry', qos: '0' });
    for (let n = 1; n <= trips; n++) {
      raw.send(publishPacket(`devices/${bystander.id}/telemetry`, '{}', 1, n), packet(0xc0));
      await raw.read(6);
    }
    // Whoever has to wait for the flood sees all of it go first; a trip is some 13,000 of its messages long.
    expect(await taken()).toBeLessThan(flooders * floodMessages);
    await eventually(async () => (await taken()) >= flooders * floodMessages, 30_000);
    for (const one of [...flood, raw]) one.close();
  }, 60_000);
});
