import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import mqtt from 'mqtt';
import { ownServerOffer, serverOffer } from '#libs/runtime/testing';
import { BridgeScene, eventually, storedDeadLetters, storedMessages } from '../testing/index.js';

const offer = serverOffer('mosquitto');
const scene = new BridgeScene();

beforeAll(async () => {
  if (offer.available) await scene.openRegistry();
}, 60_000);
afterAll(() => scene.registry?.stop());
beforeEach(async () => {
  if (offer.available) await scene.open();
}, 60_000);
afterEach(() => scene.close(), 60_000);

/** Mosquitto acknowledges first and writes its sessions down a moment later. */
const saved = () => new Promise((resolve) => setTimeout(resolve, 500));

/** The value that the broker publishes of itself. */
function brokerSays(topic: string): { value: () => number } {
  let value = 0;
  scene.devices.subscribe(topic);
  scene.devices.on('message', (heard, payload) => {
    if (heard === topic) value = Number(payload);
  });
  return { value: () => value };
}

const own = ownServerOffer('mosquitto');

(offer.available ? describe : describe.skip)(`the bridge on ${offer.title}`, () => {
  describe.each(['5', '3.1.1'])('over MQTT %s', (protocol) => {
    it('stores what devices publish, of every QoS once, as our own broker would', async () => {
      const gateway = await scene.openReadyBridge({ BRIDGE_PROTOCOL: protocol });
      for (const qos of [0, 1, 2] as const) {
        await scene.devices.publishAsync(scene.topicOf(0), `telemetry ${qos}`, { qos });
        await scene.devices.publishAsync(scene.topicOf(0, 'up/7'), `up ${qos}`, { qos });
        await scene.devices.publishAsync(
          scene
            .topicOf(0, 'events/leak')
            .toUpperCase()
            .replace('DEVICES', 'devices')
            .replace('EVENTS/LEAK', 'events/leak'),
          `event ${qos}`,
          { qos },
        );
      }
      await eventually(async () => (await storedMessages(scene.stream.log)).length === 9);
      const stored = (await storedMessages(scene.stream.log)).map(
        ({ kind, name, deviceKey, tenantKey, productKey }) => ({
          kind,
          name,
          deviceKey,
          tenantKey,
          productKey,
        }),
      );
      const { tenantKey, productKey } = scene.seeded;
      const of = { deviceKey: scene.device(0).key, tenantKey, productKey };
      for (const expected of [
        { kind: 'telemetry', name: '', ...of },
        { kind: 'up', name: '7', ...of },
        { kind: 'event', name: 'leak', ...of },
      ]) {
        expect(stored.filter((one) => JSON.stringify(one) === JSON.stringify(expected))).toHaveLength(3);
      }
      expect(await storedDeadLetters(scene.stream.log)).toEqual([]);
      // QoS 2 is subscribed to with QoS 1.
      await eventually(async () => (await gateway.metric('bridge_acknowledged_total', { qos: '1' })) === 6);
      expect(await gateway.metric('bridge_connections')).toBe(4);
    });

    it('gets after its absence what came meanwhile', async () => {
      const settings = { BRIDGE_PROTOCOL: protocol, BRIDGE_CLIENT_ID: 'comes-back' };
      const first = await scene.openReadyBridge(settings);
      await first.stop();
      for (let n = 0; n < 100; n++) await scene.publish(scene.topicOf(n % 20), `away ${n}`);
      const second = await scene.openReadyBridge(settings);
      await eventually(async () => (await scene.payloads()).length === 100);
      expect(new Set(await scene.payloads()).size).toBe(100);
      expect(await second.metric('bridge_sessions_total', { kind: 'resumed' })).toBe(4);
    });

    it('leaves for good where it is told to, with all that was kept for it', async () => {
      const settings = { BRIDGE_PROTOCOL: protocol, BRIDGE_CLIENT_ID: 'leaves', BRIDGE_LEAVE_ON_STOP: 'true' };
      const leaving = await scene.openReadyBridge(settings);
      for (let n = 0; n < 100; n++) scene.devices.publish(scene.topicOf(n % 20), `left ${n}`, { qos: 1 });
      await scene.publish(scene.topicOf(0), 'last');
      await leaving.stop();
      expect((await scene.payloads()).length).toBe(101);
      const back = await scene.openReadyBridge(settings);
      expect(await back.metric('bridge_sessions_total', { kind: 'new' })).toBe(4);
    });

    // Mosquitto forgets shared subscriptions when it restarts, until the members are back; a plain one it remembers.
    (own.available ? it : it.skip).each(['true', 'false'])(
      `survives the death of a broker that keeps its sessions, shared: %s, ${own.title}`,
      async (shared) => {
        const gate = scene.closedStream();
        const settings = { BRIDGE_PROTOCOL: protocol, BRIDGE_SHARED: shared };
        const gateway = await scene.openReadyBridge(settings, gate.log);
        // More than one connection holds: of what is on the way, and nothing behind it, Mosquitto 2.0.11 resends none.
        for (let n = 0; n < 200; n++) await scene.publish(scene.topicOf(n % 20), `kept ${n}`);
        await saved();
        await scene.server.process?.kill();
        await eventually(async () => /MQTT cluster are down \(1/.test((await gateway.problem()) ?? ''));
        await scene.server.process?.start();
        const connections = shared === 'true' ? 4 : 1;
        const back = eventually(async () => (await gateway.metric('bridge_connections')) === connections);
        gate.open();
        if (shared === 'true') await back;
        for (let n = 200; n < 300; n++) await scene.publish(scene.topicOf(n % 20), `kept ${n}`);
        await back;
        await eventually(async () => new Set(await scene.payloads()).size === 300, 20_000);
        expect(await storedDeadLetters(scene.stream.log)).toEqual([]);
        expect(await gateway.metric('bridge_sessions_total', { kind: 'resumed' })).toBe(connections);
      },
      60_000,
    );
  });

  it('two gateways share the load', async () => {
    const both = [await scene.openReadyBridge(), await scene.openReadyBridge()];
    for (let n = 0; n < 400; n++) scene.devices.publish(scene.topicOf(n % 20), `shared ${n}`, { qos: 1 });
    await eventually(async () => (await scene.payloads()).length === 400);
    expect(new Set(await scene.payloads()).size).toBe(400);
    for (const gateway of both) expect(await gateway.metric('bridge_acknowledged_total')).toBeGreaterThan(100);
  });

  it('acknowledges nothing that is not durable: while the stream takes nothing, messages stay in the cluster', async () => {
    const gate = scene.closedStream();
    const gateway = await scene.openReadyBridge({ BRIDGE_RECEIVE_MAXIMUM: '8' }, gate.log);
    const atBroker = brokerSays('$SYS/broker/store/messages/count');
    for (let n = 0; n < 300; n++) scene.devices.publish(scene.topicOf(n % 20), `waits ${n}`, { qos: 1 });
    await scene.publish(scene.topicOf(0), 'waits 300');
    await eventually(() => atBroker.value() > 300);
    expect(await gateway.metric('bridge_waiting_messages')).toBe(4);
    expect(await gateway.metric('bridge_acknowledged_total')).toBe(0);
    expect(await scene.payloads()).toEqual([]);
    gate.open();
    await eventually(async () => (await scene.payloads()).length > 300, 20_000);
    expect(new Set(await scene.payloads()).size).toBe(301);
    await eventually(async () => (await gateway.metric('bridge_waiting_messages')) === 0);
  }, 60_000);

  it('holds one message of a connection that comes and goes while the stream takes nothing', async () => {
    const gate = scene.closedStream();
    const gateway = await scene.openReadyBridge({ BRIDGE_SHARED: 'false', BRIDGE_CLIENT_ID: 'flaps' }, gate.log);
    for (let n = 0; n < 10; n++) await scene.publish(scene.topicOf(0), `once ${n}`);
    await eventually(async () => (await gateway.metric('bridge_waiting_messages')) === 1);
    for (let resumed = 1; resumed <= 4; resumed++) {
      const other = mqtt.connect(scene.server.url, {
        clientId: 'flaps-1',
        clean: false,
        protocolVersion: 5,
        properties: { sessionExpiryInterval: 600 },
      });
      other.handleMessage = () => undefined;
      await new Promise((resolve) => other.once('connect', resolve));
      await other.endAsync(true);
      await eventually(async () => (await gateway.metric('bridge_sessions_total', { kind: 'resumed' })) === resumed);
      expect(await gateway.metric('bridge_waiting_messages')).toBe(1);
    }
    expect(await gateway.metric('gateway_in_flight_messages')).toBeLessThanOrEqual(1);
    gate.open();
    await eventually(async () => new Set(await scene.payloads()).size === 10, 20_000);
    // The one that waited all along, and once more as what the cluster redelivered.
    expect((await scene.payloads()).length).toBe(11);
  }, 60_000);
});
