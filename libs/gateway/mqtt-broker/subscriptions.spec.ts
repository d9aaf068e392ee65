import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { openTestGateway, packet, RawDevice, subscribePacket, type TestGateway, text } from '../testing/index.js';

let stream: TestStream;
let registry: TestRegistry;
let gateway: TestGateway;
let devices: Seeded['devices'];

/** A device that no other test uses. */
function device(): Seeded['devices'][number] {
  const found = devices.pop();
  if (!found) throw new Error('seed more devices');
  return found;
}

const refused = (reason: string) => gateway.metric('gateway_refused_total', { reason });

beforeAll(async () => {
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  devices = (await seedDevices(registry.database, { count: 3 })).devices;
  gateway = await openTestGateway(stream.log, registry.database, { GATEWAY_SUBSCRIPTIONS_PER_CONNECTION: '8' });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await registry?.stop();
  await stream?.stop();
});

describe('a connection', () => {
  it('may subscribe to its own commands and to nothing else', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    raw.send(
      subscribePacket([
        `devices/${own.id}/commands/#`,
        '#',
        '+/+/commands/#',
        '$SYS/#',
        `$share/g/devices/${own.id}/commands/#`,
        'devices/dev-1/commands/#',
        `devices/${own.id}/telemetry`,
      ]),
    );
    expect([...(await raw.read(11))]).toEqual([0x90, 9, 0, 1, 1, 128, 128, 128, 128, 128, 128]);
    raw.send(packet(0xa2, [0, 2], text(`devices/${own.id}/commands/#`)));
    expect([...(await raw.read(4))]).toEqual([0xb0, 2, 0, 2]);
    raw.close();
  });

  it('may subscribe to so many filters, and to the same ones again', async () => {
    const own = device();
    const raw = await RawDevice.login(gateway.mqttPort, own);
    const before = await refused('too_many_subscriptions');
    const filters = Array.from({ length: 9 }, (_, n) => `devices/${own.id}/children/child-${n}/commands/+`);
    raw.send(subscribePacket(filters.slice(0, 5)));
    expect([...(await raw.read(9))].slice(4)).toEqual([1, 1, 1, 1, 1]);
    raw.send(subscribePacket(filters.slice(3)));
    expect([...(await raw.read(10))].slice(4)).toEqual([1, 1, 1, 1, 1, 128]);
    expect(await refused('too_many_subscriptions')).toBe(before + 1);
    raw.close();
  });

  it('has stored for a persistent session what was granted, and nothing else', async () => {
    const own = device();
    const keep = { ...own, flags: 0xc0 };
    const first = await RawDevice.login(gateway.mqttPort, keep);
    const filters = Array.from({ length: 6 }, (_, n) => `devices/${own.id}/commands/${n}`);
    first.send(subscribePacket(['#', ...filters, `devices/${own.id}/telemetry`]));
    await first.read(12);
    first.close();
    const before = await refused('subscription_not_allowed');
    // What is stored is authorised again.
    const second = await RawDevice.login(gateway.mqttPort, keep);
    expect(await refused('subscription_not_allowed')).toBe(before);
    second.send(subscribePacket([0, 1, 2].map((n) => `devices/${own.id}/commands/more-${n}`)));
    expect([...(await second.read(7))].slice(4)).toEqual([1, 1, 128]);
    second.close();
  });
});
