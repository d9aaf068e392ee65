import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import mqtt from 'mqtt';
import { generate, type Packet } from 'mqtt-packet';
import { seedDevices } from '#libs/devices/testing';
import { devices } from '#libs/registry-db';
import { freePort, ownServerOffer, serverOffer, startServer } from '#libs/runtime/testing';
import { BridgeScene, eventually, makeCertificate, storedDeadLetters } from '../testing/index.js';

const offer = serverOffer('mosquitto');
const own = ownServerOffer('mosquitto');
const scene = new BridgeScene();

beforeAll(async () => {
  if (offer.available) await scene.openRegistry();
}, 60_000);
afterAll(() => scene.registry?.stop());
beforeEach(async () => {
  if (offer.available) await scene.open();
}, 60_000);
afterEach(() => scene.close(), 60_000);

(offer.available ? describe : describe.skip)(
  `what the bridge on ${offer.title} does not take, and what does not take it`,
  () => {
    it('refuses what no device may send, keeps it as a dead letter, and is not sent it again', async () => {
      const gateway = await scene.openReadyBridge({
        GATEWAY_MAX_MESSAGE_BYTES: '1000',
        BRIDGE_TOPIC_PREFIX: 'city/',
        BRIDGE_TOPICS: 'devices/+/telemetry,devices/+/children/+/telemetry,other/#',
      });
      await scene.registry.database
        .update(devices)
        .set({ status: 'disabled' })
        .where(eq(devices.key, scene.device(19).key));
      await eventually(() => gateway.directory.byKey(scene.device(19).key)?.status === 'disabled');
      await scene.registry.database
        .update(devices)
        .set({ parentKey: scene.device(1).key })
        .where(eq(devices.key, scene.device(2).key));
      await eventually(() => gateway.directory.byKey(scene.device(2).key)?.parentKey === scene.device(1).key);
      const publish = (topic: string, payload: string | Buffer = '{}') =>
        scene.devices.publishAsync(`city/${topic}`, payload, { qos: 1 });
      await publish('devices/nobody/telemetry');
      await publish('other/devices/x');
      await publish(scene.topicOf(19));
      await publish(scene.topicOf(0), Buffer.alloc(1_001));
      await publish(scene.topicOf(1, `children/${scene.device(3).id}/telemetry`));
      await publish(scene.topicOf(1, `children/${scene.device(2).id}/telemetry`), 'of the child');
      await publish('devices/a b/telemetry');
      await publish(scene.topicOf(1), 'good');
      await eventually(async () => (await scene.payloads()).length === 2 && (await scene.refusals()).length === 6);
      expect((await scene.payloads()).sort()).toEqual(['good', 'of the child']);
      const found = await scene.refusals();
      expect(found).toEqual(
        expect.arrayContaining([
          { reason: 'unknown_device', deviceKey: '' },
          { reason: 'topic_not_allowed', deviceKey: '' },
          { reason: 'device_disabled', deviceKey: scene.device(19).key },
          { reason: 'message_too_large', deviceKey: scene.device(0).key },
          { reason: 'topic_not_allowed', deviceKey: scene.device(1).key },
        ]),
      );
      const letters = await storedDeadLetters(scene.stream.log);
      expect(letters.filter(({ tenantKey }) => tenantKey === '')).toHaveLength(3);
      expect(await gateway.metric('discards_total', { stage: 'gateway', reason: 'unknown_device' })).toBe(2);
      await eventually(async () => (await gateway.metric('bridge_acknowledged_total')) === 8);
      await scene.registry.database
        .update(devices)
        .set({ status: 'registered', parentKey: null })
        .where(eq(devices.tenantKey, scene.seeded.tenantKey));
    });

    it('counts what is refused beyond the limit, and keeps no more of it', async () => {
      const gateway = await scene.openReadyBridge({ BRIDGE_REFUSALS_PER_MINUTE: '3' });
      for (let n = 0; n < 10; n++) await scene.publish(`devices/nobody-${n}/telemetry`, '{}');
      await eventually(async () => (await gateway.metric('bridge_acknowledged_total')) === 10);
      expect(await scene.refusals()).toHaveLength(3);
      expect(await gateway.metric('discards_total', { stage: 'gateway', reason: 'unknown_device' })).toBe(10);
    });

    it('knows a device that was registered a moment ago', async () => {
      const gateway = await scene.openReadyBridge({ DEVICES_POLL_MS: '60000' });
      const late = await seedDevices(scene.registry.database, { prefix: `late-${randomBytes(4).toString('hex')}-` });
      await scene.publish(`devices/${late.devices[0]?.id}/telemetry`, 'first word');
      await eventually(async () => (await scene.payloads()).includes('first word'));
      expect(await gateway.metric('discards_total', { stage: 'gateway' })).toBe(0);
    });

    it('takes a retained message for what it is: old', async () => {
      await scene.publish(scene.topicOf(0), 'old', true);
      // With MQTT 5 we ask for none; with 3.1.1 one cannot, and Mosquitto sends them to the members of a group too.
      const old = await scene.openReadyBridge({ BRIDGE_PROTOCOL: '3.1.1' });
      await eventually(async () => (await old.metric('discards_total', { reason: 'retained_message' })) > 0);
      const modern = await scene.openReadyBridge({ BRIDGE_SHARED: 'false' });
      await scene.publish(scene.topicOf(0), 'new', true);
      await eventually(async () => (await scene.payloads()).length === 2);
      expect(await scene.payloads()).toEqual(['new', 'new']);
      expect(await modern.metric('discards_total')).toBe(0);
      // Copies of one message, which say nothing that was not said before: counted, not kept.
      expect(await storedDeadLetters(scene.stream.log)).toEqual([]);
    });

    (own.available ? it : it.skip)(`waits for a cluster that is not there yet, and says so: ${own.title}`, async () => {
      await scene.server.process?.kill();
      const gateway = await scene.openBridge({ BRIDGE_CONNECTIONS: '2' });
      expect(await gateway.problem()).toMatch(/^2 of 2 connections to the MQTT cluster are down \(1, 2\)/);
      await eventually(async () => /ECONNREFUSED/.test((await gateway.problem()) ?? ''));
      await scene.server.process?.start();
      await eventually(async () => (await gateway.problem()) === undefined);
    });

    (own.available ? it : it.skip)(
      `speaks TLS with the name and password that the cluster wants, and says what is wrong: ${own.title}`,
      async () => {
        const secure = await startSecureCluster();
        try {
          const wrong: [Record<string, string>, RegExp][] = [
            [{ BRIDGE_PASSWORD: 'wrong' }, /Not authorized|Bad username/i],
            [{ BRIDGE_TLS_CA: secure.otherCa }, /certificate/],
          ];
          for (const [settings, problem] of wrong) {
            const refused = await scene.openBridge({ ...secure.settings, ...settings });
            await eventually(async () => problem.test((await refused.problem()) ?? ''));
          }
          const gateway = await scene.openReadyBridge(secure.settings);
          const { BRIDGE_PASSWORD: password = '' } = secure.settings;
          const client = await mqtt.connectAsync(secure.plainUrl, { username: 'gateway', password });
          await client.publishAsync(scene.topicOf(0), 'secret', { qos: 1 });
          await client.endAsync();
          await eventually(async () => (await scene.payloads()).includes('secret'));
          expect(await gateway.metric('bridge_connections')).toBe(4);
        } finally {
          await scene.stopGateways();
          await secure.stop();
        }
      },
      60_000,
    );

    it('says that another gateway has its client id, where the cluster does', async () => {
      const cluster = await clusterThatEndsSessions(142);
      const gateway = await scene.openBridge({ BRIDGE_URL: cluster.url, BRIDGE_CONNECTIONS: '1' });
      await eventually(async () => /BRIDGE_CLIENT_ID of its own/.test((await gateway.problem()) ?? ''));
      cluster.close();
    });
  },
);

/** What Mosquitto does not do: says why it ends a connection (MQTT 5.0, 3.14.2.1), soon after accepting it. */
async function clusterThatEndsSessions(reasonCode: number): Promise<{ url: string; close: () => void }> {
  const server = createServer((socket) => {
    const send = (answer: Packet) => socket.write(generate(answer, { protocolVersion: 5 }));
    socket.on('error', () => undefined);
    socket.once('data', () => {
      send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
      send({ cmd: 'disconnect', reasonCode });
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** A broker that asks for a password, and that listens with TLS too. */
async function startSecureCluster() {
  const folder = await mkdtemp(join(tmpdir(), 'citysense-bridge-tls-'));
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const [ca, otherCa] = [makeCertificate({ name: 'the city' }), makeCertificate({ name: 'another' })];
  const own = makeCertificate({ name: 'cluster', issuer: { name: 'the city', key: ca.key } });
  const password = randomBytes(16).toString('hex');
  // Mosquitto's password file: PBKDF2 with SHA-512, 101 rounds.
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512').toString('base64');
  const port = await freePort();
  const caFile = await file('ca.pem', ca.cert);
  const cluster = await startServer('mosquitto', [
    'allow_anonymous false',
    `password_file ${await file('passwords', `gateway:$7$101$${salt.toString('base64')}$${hash}\n`)}`,
    `listener ${port} 127.0.0.1`,
    `cafile ${caFile}`,
    `certfile ${await file('cluster.pem', own.cert)}`,
    `keyfile ${await file('cluster-key.pem', own.key)}`,
  ]);
  return {
    plainUrl: cluster.url,
    otherCa: await file('other-ca.pem', otherCa.cert),
    settings: {
      BRIDGE_URL: `mqtts://127.0.0.1:${port}`,
      BRIDGE_TLS_CA: caFile,
      BRIDGE_USERNAME: 'gateway',
      BRIDGE_PASSWORD: password,
    } as Record<string, string>,
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
