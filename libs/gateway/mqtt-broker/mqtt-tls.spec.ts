import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt from 'mqtt';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { freePort } from '#libs/runtime/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import {
  eventually,
  makeCertificate,
  openTestGateway,
  RawDevice,
  storedMessages,
  type TestCertificate,
  type TestGateway,
} from '../testing/index.js';

const authority = makeCertificate({ name: 'test authority' });
const issuer = { name: 'test authority', key: authority.key };
const server = makeCertificate({ name: '127.0.0.1', issuer });

let folder: string;
let stream: TestStream;
let registry: TestRegistry;
let device: Seeded['devices'][number];
let gateway: TestGateway | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citysense-tls-'));
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  device = (await seedDevices(registry.database, { prefix: 'tls-' })).devices[0] as Seeded['devices'][number];
  await writeFile(join(folder, 'ca.pem'), authority.cert);
  await writeFile(join(folder, 'cert.pem'), server.cert);
  await writeFile(join(folder, 'key.pem'), server.key);
}, 60_000);

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

afterAll(async () => {
  await registry?.stop();
  await stream?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function open(settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  const opened = await openTestGateway(stream.log, registry.database, {
    MQTT_TLS_PORT: String(await freePort()),
    MQTT_TLS_CERT: join(folder, 'cert.pem'),
    MQTT_TLS_KEY: join(folder, 'key.pem'),
    GATEWAY_CONNECT_TIMEOUT_MS: '300',
    ...settings,
  });
  gateway = opened;
  return opened;
}

const demandingClients = () => open({ MQTT_TLS_CA: join(folder, 'ca.pem') });

/** Connects as the device would, says something at QoS 1 and leaves. */
async function speak({ mqttTlsPort }: TestGateway, more: ConnectionOptions = {}): Promise<void> {
  const options = {
    clientId: device.id,
    username: device.id,
    password: device.secret,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ca: authority.cert,
    ...more,
  } as mqtt.IClientOptions;
  const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${mqttTlsPort}`, options, false);
  await client.publishAsync(`devices/${device.id}/telemetry`, '{"values":{"flowRate":1}}', { qos: 1 });
  await client.endAsync();
}

const said = async () => (await storedMessages(stream.log)).filter((one) => one.kind === 'telemetry').length;
const handshakesFailed = (at: TestGateway) => at.metric('gateway_refused_total', { reason: 'tls_handshake_failed' });

describe('MQTT over TLS', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('takes and acknowledges messages over %s', async (version) => {
    const before = await said();
    await speak(await open(), { minVersion: version, maxVersion: version });
    expect(await said()).toBe(before + 1);
  });

  it('refuses TLS 1.1 and counts it', async () => {
    const opened = await open();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(handshake(opened, old)).rejects.toThrow(/alert protocol version/);
    await eventually(async () => (await handshakesFailed(opened)) === 1);
    await speak(opened);
  });

  it('lets go of who does not speak TLS, or does not speak at all, while others go on', async () => {
    const opened = await open();
    const plain = await RawDevice.open(opened.mqttTlsPort);
    plain.send(Buffer.from('102c00044d51545404c2003c', 'hex'));
    const silent = await RawDevice.open(opened.mqttTlsPort);
    await speak(opened);
    await Promise.all([plain.ended(), silent.ended()]);
    await eventually(async () => (await handshakesFailed(opened)) === 2);
  });

  it('lets go of who shakes hands and then says nothing', async () => {
    const opened = await open();
    const socket = await handshake(opened);
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.resume();
    });
  });
});

describe('MQTT over TLS with client certificates', () => {
  const strange = makeCertificate({ name: 'another authority' });

  it('takes a device whose certificate is of the authority', async () => {
    const before = await said();
    await speak(await demandingClients(), makeCertificate({ name: 'device', issuer }));
    expect(await said()).toBe(before + 1);
  });

  it.each<[string, TestCertificate | undefined]>([
    ['no certificate', undefined],
    [
      'one of another authority',
      makeCertificate({ name: 'device', issuer: { name: 'another authority', key: strange.key } }),
    ],
    [
      "one that took the authority's name",
      makeCertificate({ name: 'device', issuer: { name: 'test authority', key: strange.key } }),
    ],
    ['one signed by itself', makeCertificate({ name: 'device' })],
    ['an expired one', makeCertificate({ name: 'device', issuer, validDays: [-30, -1] })],
    ['one that is not valid yet', makeCertificate({ name: 'device', issuer, validDays: [1, 30] })],
  ])('refuses %s', async (_what, certificate) => {
    const before = await said();
    const opened = await demandingClients();
    await expect(speak(opened, certificate)).rejects.toThrow();
    await eventually(async () => (await handshakesFailed(opened)) === 1);
    expect(await said()).toBe(before);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('still asks for the secret over %s', async (version) => {
    const opened = await demandingClients();
    const certificate = makeCertificate({ name: device.id, issuer });
    const wrong = { ...certificate, minVersion: version, maxVersion: version, password: 'wrong' };
    await expect(speak(opened, wrong as ConnectionOptions)).rejects.toThrow(/not authorized|bad user ?name/i);
  });
});

describe('a TLS setting that cannot work', () => {
  it.each([
    ['no certificate', { MQTT_TLS_CERT: '' }, /MQTT_TLS_CERT/],
    [
      'a certificate file that is not there',
      { MQTT_TLS_CERT: '/nowhere/cert.pem' },
      /MQTT_TLS_CERT.*\/nowhere\/cert\.pem/,
    ],
    ['a key file that is not there', { MQTT_TLS_KEY: '/nowhere/key.pem' }, /MQTT_TLS_KEY.*\/nowhere\/key\.pem/],
    ['an authority file that is not there', { MQTT_TLS_CA: '/nowhere/ca.pem' }, /MQTT_TLS_CA.*\/nowhere\/ca\.pem/],
    ['a key in place of the certificate', { MQTT_TLS_CERT: 'key.pem' }, /MQTT_TLS_CERT/],
    ['the key of another certificate', { MQTT_TLS_CERT: 'ca.pem' }, /MQTT_TLS_KEY/],
  ])('stops the start and is named: %s', async (_what, settings, problem) => {
    const placed = Object.fromEntries(
      Object.entries(settings).map(([name, file]) => [
        name,
        file === '' || file.startsWith('/') ? file : join(folder, file),
      ]),
    );
    await expect(open(placed)).rejects.toThrow(problem);
  });
});

function handshake({ mqttTlsPort }: TestGateway, more: ConnectionOptions = {}) {
  return new Promise<ReturnType<typeof connect>>((resolve, reject) => {
    const socket = connect({ port: mqttTlsPort, host: '127.0.0.1', ca: authority.cert, ...more }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
  });
}
