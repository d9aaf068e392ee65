import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificate } from '#libs/gateway/testing';
import { ApiClient } from '../platform/api-client.js';
import { type Engines, enginesOffer, startEngines } from '../platform/engines.js';
import { eventually } from '../platform/eventually.js';
import { type Readiness, SplitPlatform } from '../platform/split-platform.js';
import { TlsFront } from '../platform/tls-front.js';

/** Where each engine is named, and how its URL says TLS. */
const urls = {
  redis: { setting: 'REDIS_URL', scheme: 'rediss', query: '' },
  postgresql: { setting: 'REGISTRY_URL', scheme: 'postgresql', query: '?sslmode=verify-full' },
  influxdb: { setting: 'INFLUX_URL', scheme: 'https', query: '' },
} as const;
const kinds = ['redis', 'postgresql', 'influxdb'] as const;
const offer = enginesOffer(kinds);
const fix =
  /certificate.*signed by an authority that this process does not know: name its file \(PEM\) in NODE_EXTRA_CA_CERTS/;

(offer.available ? describe : describe.skip)(`over TLS to ${offer.title}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'citysense-tls-'));
  const authorityFile = join(folder, 'ca.pem');
  const fronts = new Map<string, TlsFront>();
  const platforms: SplitPlatform[] = [];
  let engines: Engines;
  const secured: Record<string, string> = {};

  beforeAll(async () => {
    const authority = { name: "the city's authority", ...makeCertificate({ name: "the city's authority" }) };
    const certificate = makeCertificate({ name: 'engines', issuer: authority });
    writeFileSync(authorityFile, authority.cert);
    engines = await startEngines(kinds);
    for (const { setting, scheme, query } of Object.values(urls)) {
      const url = engines.environment[setting] ?? '';
      const front = await TlsFront.open(Number(new URL(url).port), certificate);
      fronts.set(setting, front);
      secured[setting] = `${url.replace(/^\w+:(\/\/.*):\d+/, `${scheme}:$1:${front.port}`)}${query}`;
    }
  }, 120_000);

  afterAll(async () => {
    for (const platform of platforms) await platform.remove();
    for (const front of fronts.values()) await front.close();
    await engines?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  async function create(settings: Record<string, string>): Promise<SplitPlatform> {
    const shape = { gateways: 1, pipelines: 1, notifiers: 1 };
    const partitions = { STREAM_PARTITIONS: '4' };
    const platform = await SplitPlatform.create(engines, shape, { ...partitions, ...settings });
    platforms.push(platform);
    return platform;
  }

  it.each(kinds)(
    'waits for an engine whose authority it does not know, and says what to do: %s',
    async (kind) => {
      const { setting } = urls[kind];
      const pipeline = (await create({ [setting]: secured[setting] ?? '' })).process('pipeline-1');
      pipeline.spawn();
      const says = ({ checks }: Readiness) => fix.test(JSON.stringify(checks));
      await pipeline.untilItSays('what is wrong with the certificate', says, 60_000);
      expect(pipeline.ended).toBeNull();
      await pipeline.kill();
    },
    90_000,
  );

  it('takes, stores and shows what a device sends', async () => {
    const before = new Map([...fronts].map(([setting, { secured: clients }]) => [setting, clients]));
    const platform = await create({ ...secured, NODE_EXTRA_CA_CERTS: authorityFile });
    await platform.start();
    const api = await ApiClient.logIn(platform);
    const device = { id: 'meter-1', name: 'meter-1', productId: 'water-meter' };
    const { secret } = await api.call<{ secret: string }>('POST', '/api/v1/devices', device);
    const sent = await fetch(`http://127.0.0.1:${platform.ingestPorts[0]}/devices/meter-1/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: '{"values":{"metering.water.total":15230.5}}',
    });
    expect(sent.status).toBe(202);
    const path = '/api/v1/devices/meter-1/readings/latest';
    const reading = await eventually(
      async () => (await api.call<{ readings: { value: number }[] }>('GET', path)).readings[0],
      'the reading',
    );
    expect(reading).toMatchObject({ value: 15230.5 });
    const untouched = [...fronts].filter(([setting, { secured: clients }]) => clients === before.get(setting));
    expect(untouched.map(([setting]) => setting)).toEqual([]);
  }, 120_000);
});
