import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FlowDevice, type FlowPlatform, startFlowPlatform, TenantClient } from './flow-platform.js';

interface Letter {
  id: string;
  stage: string;
  reason: string;
  detail: string;
  device: string;
  messageId: string;
  replayable: boolean;
  replayedAt: string | null;
  replayedBy: string | null;
  kind: string;
  content: { text: string | null; hex: string; bytes: number };
}

/** Decodes two bytes of litres; its first release expected three. */
const script = (bytes: number) => `function decodeUplink(input) {
  if (input.bytes.length !== ${bytes}) return { errors: ['expected ${bytes} bytes'] };
  return { data: { litres: input.bytes[0] * 256 + input.bytes[1] } };
}`;
const version = (bytes: number) => ({
  thingModel: {
    properties: [
      {
        identifier: 'metering.water.total',
        name: { zh: '累计用水量', en: 'Total volume' },
        type: 'number',
        kind: 'counter',
        unit: 'L',
      },
    ],
    events: [],
    commands: [],
  },
  decoder: {
    kind: 'codec',
    script: script(bytes),
    mapping: [{ field: 'litres', metric: 'metering.water.total', unit: 'L' }],
  },
  expectedIntervalMs: 60_000,
});

let platform: FlowPlatform;
let water: TenantClient;
let fire: TenantClient;
let meter: FlowDevice;
let coded: FlowDevice;

beforeAll(async () => {
  platform = await startFlowPlatform();
  const { api } = platform;
  water = new TenantClient(api, await api.createTenant('water', ['operator', 'vendor']));
  fire = new TenantClient(api, await api.createTenant('fire'));
  meter = await water.register('letters-meter', 'water-meter');
  const product = { id: 'letters-product', name: { zh: '表', en: 'Meter' }, domain: 'water' };
  await water.call('POST', '/products', { ...product, ...version(3) });
  await water.call('POST', '/products/letters-product/versions/1/publish');
  coded = await water.register('letters-coded', 'letters-product');
}, 120_000);

afterAll(() => platform?.stop(), 60_000);

const lettersOf = async (device: FlowDevice, query = '') =>
  (await water.call<{ items: Letter[]; nextCursor: string | null }>('GET', `/dead-letters?device=${device.id}${query}`))
    .items;
const totals = async () =>
  (
    await water.call<{ items: { value: number; messageId: string }[] }>(
      'GET',
      `/devices/${coded.id}/readings?metric=metering.water.total`,
    )
  ).items;

describe('dead letters over REST', () => {
  it('show what was refused, why, and its bytes', async () => {
    await platform.report(meter, '{"values":{"flowRate":NaN}}');
    const listed = await water.first<Letter>(`/dead-letters?device=${meter.id}`);
    expect(listed).toMatchObject({ stage: 'normaliser', device: meter.id, replayable: true, replayedAt: null });
    const letter = await water.call<Letter>('GET', `/dead-letters/${listed.id}`);
    expect(letter).toMatchObject({ kind: 'telemetry', content: { text: '{"values":{"flowRate":NaN}}', bytes: 27 } });
    expect(
      await lettersOf({ ...meter, id: meter.id.toUpperCase() }, `&reason=${letter.reason}&stage=normaliser`),
    ).toHaveLength(1);
    expect(await lettersOf(meter, '&stage=notifier')).toEqual([]);
    expect(await lettersOf(meter, '&replayed=true')).toEqual([]);
    expect(await lettersOf(meter, '&from=2099-01-01T00:00:00Z')).toEqual([]);
    expect(await lettersOf(meter, '&to=2020-01-01T00:00:00Z')).toEqual([]);
  });

  it('replayed before the cause is mended, come back as new letters, and the old one says who did it', async () => {
    const [before] = await lettersOf(meter);
    const replayed = await water.call<Letter>('POST', `/dead-letters/${before?.id}/replay`);
    expect(replayed).toMatchObject({ id: before?.id, replayable: false, replayedBy: expect.stringContaining('water') });
    expect(Date.parse(replayed.replayedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
    const again = await water.first<Letter>(`/dead-letters?device=${meter.id}`, ({ id }) => id !== before?.id);
    expect(again).toMatchObject({ reason: before?.reason, replayedAt: null });
    const twice = await platform.api.call('POST', `/api/v1/dead-letters/${before?.id}/replay`, {
      token: water.tenant.token,
    });
    expect([twice.status, twice.body]).toMatchObject([409, { code: 'dead_letter_replayed' }]);
  });

  it('replayed after the codec is mended, become readings once, in the order and under the time they came', async () => {
    for (const litres of [0x0101, 0x0102, 0x0103]) {
      await platform.report(coded, Buffer.from([litres >> 8, litres & 255]), 'up');
    }
    const third = () => lettersOf(coded).then((all) => all.length === 3);
    while (!(await third())) await new Promise((resolve) => setTimeout(resolve, 25));
    expect(await totals()).toEqual([]);
    await water.call('POST', '/products/letters-product/versions', version(2));
    await water.call('POST', '/products/letters-product/versions/2/publish');
    const [newest, middle, oldest] = await lettersOf(coded);
    const mended = Date.now() + 20_000;
    // The catalogue follows the registry within a moment: the first letter tells when.
    await water.call('POST', `/dead-letters/${oldest?.id}/replay`);
    while ((await totals()).length === 0 && Date.now() < mended) {
      const open = (await lettersOf(coded, '&replayed=false')).filter(
        ({ id }) => id !== newest?.id && id !== middle?.id,
      );
      for (const { id } of open) await water.call('POST', `/dead-letters/${id}/replay`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const all = await water.call('POST', '/dead-letters/replay', { device: coded.id, stage: 'normaliser' });
    expect(all).toEqual({ replayed: 2, more: false });
    while ((await totals()).length < 3 && Date.now() < mended) await new Promise((resolve) => setTimeout(resolve, 50));
    const rows = await totals();
    expect(rows.map(({ value }) => value)).toEqual([0x0101, 0x0102, 0x0103]);
    const frames = await water.call<{ items: { outcome: string; receivedAt: string }[] }>(
      'GET',
      `/devices/${coded.id}/frames`,
    );
    expect(frames.items.filter(({ outcome }) => outcome === 'decoded')).toHaveLength(3);
    expect(await water.call('POST', '/dead-letters/replay', { device: coded.id })).toEqual({
      replayed: 0,
      more: false,
    });
  });

  it('are counted by stage and reason, replays too', async () => {
    const { items } = await water.call<{ items: { stage: string; reason: string; count: number; replayed: number }[] }>(
      'GET',
      '/discards',
    );
    const codec = items.find(({ reason, stage }) => stage === 'normaliser' && reason.startsWith('codec'));
    expect(codec?.count).toBeGreaterThanOrEqual(3);
    expect(codec?.replayed).toBe(codec?.count);
    expect(await fire.call('GET', '/discards')).toEqual({ items: [] });
  });

  it('page through', async () => {
    for (let n = 0; n < 5; n += 1) await platform.report(meter, `not JSON ${n}`);
    const path = `/dead-letters?device=${meter.id}&limit=2`;
    const seen: string[] = [];
    const page = (cursor: string) =>
      water.call<{ items: Letter[]; nextCursor: string | null }>('GET', path + (cursor && `&cursor=${cursor}`));
    while ((await lettersOf(meter)).length < 7) await new Promise((resolve) => setTimeout(resolve, 25));
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { items, nextCursor }: { items: Letter[]; nextCursor: string | null } = await page(cursor);
      seen.push(...items.map(({ id }) => id));
      cursor = nextCursor;
    }
    expect(seen).toEqual((await lettersOf(meter)).map(({ id }) => id));
  });

  it.each([
    ['GET', '/dead-letters?colour=red', undefined, 400],
    ['GET', '/dead-letters?limit=0', undefined, 400],
    ['GET', '/dead-letters?cursor=nonsense', undefined, 400],
    ['GET', '/dead-letters?replayed=perhaps', undefined, 400],
    ['GET', '/dead-letters?from=yesterday', undefined, 400],
    ['GET', '/dead-letters?from=2026-02-31T00:00:00Z', undefined, 400],
    ['GET', '/dead-letters?device=%00', undefined, 400],
    ['GET', '/dead-letters?stage=%00', undefined, 400],
    ['GET', '/dead-letters?stage=a&stage=b', undefined, 400],
    ['GET', '/dead-letters/nonsense', undefined, 404],
    ['GET', '/dead-letters/019a0000-0000-7000-8000-000000000000', undefined, 404],
    ['POST', '/dead-letters/019a0000-0000-7000-8000-000000000000/replay', undefined, 404],
    ['POST', '/dead-letters/replay', { colour: 'red' }, 400],
    ['POST', '/dead-letters/replay', { device: 7 }, 400],
    ['POST', '/dead-letters/replay', { reason: 'nul\u0000' }, 400],
    ['POST', '/dead-letters/replay', { to: 'tomorrow' }, 400],
    ['POST', '/dead-letters/replay', [], 400],
  ])('%s %s %j answers %d', async (method, path, body, status) => {
    const answer = await platform.api.call<{ code: string }>(method, `/api/v1${path}`, {
      token: water.tenant.token,
      body,
    });
    expect(answer.status).toBe(status);
    expect(answer.body.code).toMatch(/^[a-z_]+$/);
  });

  it('are for those who may: a consumer neither reads nor replays', async () => {
    const consumer = await platform.api.createUser(water.tenant.tenantKey, 'reader', ['consumer']);
    const [letter] = await lettersOf(meter);
    const paths = ['', `/${letter?.id}`, '/replay', `/${letter?.id}/replay`];
    const statuses = paths.map(async (path) => {
      const method = path.endsWith('replay') ? 'POST' : 'GET';
      return (await platform.api.call(method, `/api/v1/dead-letters${path}`, { token: consumer.token })).status;
    });
    expect(await Promise.all(statuses)).toEqual([403, 403, 403, 403]);
  });
});
