import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { products, productVersions } from '#libs/registry-db';
import { builtInProducts } from '../built-in/index.js';
import { DevicesApiModule } from '../devices-api.module.js';
import { BuiltInSeeder } from './built-in-seeder.js';
import { GOLDEN_FRAME_CHECK, type GoldenFrame } from './golden-frames.js';

/** Stands for the normaliser: a frame decodes where its bytes are 00. */
const check = async (_version: unknown, frames: readonly GoldenFrame[]) =>
  frames.filter(({ hex }) => hex !== '00').map(({ name }) => ({ frame: name, problem: 'does not decode' }));

@Global()
@Module({ providers: [{ provide: GOLDEN_FRAME_CHECK, useValue: check }], exports: [GOLDEN_FRAME_CHECK] })
class CheckModule {}

interface Listing<T> {
  items: T[];
  nextCursor: string | null;
}
interface Problem {
  code: string;
  errors?: { field: string; problem: string }[];
}

describe('products over REST', () => {
  let api: TestApi;
  let water: TestTenant;
  let vendor: TestTenant;

  const as = (who: TestTenant, more: object = {}) => ({ token: who.token, ...more });
  const model = { properties: [], events: [], commands: [] };

  beforeAll(async () => {
    api = await startTestApi([CheckModule, DevicesApiModule]);
    water = await api.createTenant('water-bureau', ['operator']);
    vendor = await api.createTenant('acme', ['vendor']);
  });
  afterAll(async () => {
    await api.stop();
  });

  it('has the built-in ones, published, and publishes a new version only where one changed', async () => {
    const { body } = await api.call<Listing<{ id: string; currentVersion: number }>>(
      'GET',
      '/api/v1/products',
      as(water),
    );
    expect(body.items.map(({ id, currentVersion }) => [id, currentVersion])).toEqual([
      ['fire-detector', 1],
      ['parking-sensor', 1],
      ['water-meter', 1],
      ['water-meter-cjt188', 1],
    ]);
    const seeder = api.app.get(BuiltInSeeder, { strict: false });
    await seeder.seed(builtInProducts);
    const [first] = builtInProducts;
    if (!first) throw new Error('no built-in product');
    await seeder.seed([{ ...first, expectedIntervalMs: 60_000 }]);
    const [row] = await api.database.select().from(products).where(eq(products.id, first.id));
    expect(row?.currentVersion).toBe(2);
    const versions = await api.database
      .select()
      .from(productVersions)
      .where(eq(productVersions.productKey, row?.key ?? ''));
    expect(versions).toHaveLength(2);
    await seeder.seed(builtInProducts);
    const detail = await api.call<{ current: object }>('GET', '/api/v1/products/water-meter', as(water));
    expect(detail.body).toMatchObject({
      currentVersion: 3,
      current: { expectedIntervalMs: 1_800_000, status: 'published' },
    });
  });

  it('cannot be changed where built in', async () => {
    const body = { thingModel: model, expectedIntervalMs: 60_000 };
    const answer = await api.call<Problem>('POST', '/api/v1/products/water-meter/versions', as(vendor, { body }));
    expect(answer).toMatchObject({ status: 409, body: { code: 'product_built_in' } });
  });

  it('names every field that cannot be used', async () => {
    const property = { identifier: 'a.b', name: { zh: '甲', en: 'A' }, type: 'number', kind: 'gauge' };
    const body = {
      id: 'broken',
      name: { zh: '坏', en: 'Broken' },
      domain: 'water',
      expectedIntervalMs: 5,
      thingModel: {
        properties: [
          { ...property, unit: 'm³' },
          { ...property, identifier: '1 2' },
          { ...property, identifier: 'c', range: [2, 1] },
          { ...property, identifier: 'd', type: 'boolean', range: [0, 1], kind: 'counter' },
          property,
        ],
        events: [],
        commands: [],
        extra: 1,
      },
      decoder: { kind: 'magic' },
    };
    const answer = await api.call<Problem>('POST', '/api/v1/products', as(vendor, { body }));
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    expect(new Set(answer.body.errors?.map(({ field }) => field))).toEqual(
      new Set([
        'thingModel',
        'thingModel.properties.0.unit',
        'thingModel.properties.1.identifier',
        'thingModel.properties.2.range',
        'thingModel.properties.3.range',
        'thingModel.properties.3.kind',
        'thingModel.properties.4.identifier',
        'decoder.kind',
        'expectedIntervalMs',
      ]),
    );
  });

  it('go from draft to published, once their golden frames decode, and never change after', async () => {
    const frame = { name: 'one', kind: 'up', hex: 'ff', expected: { total: 1 } };
    const version = {
      thingModel: model,
      expectedIntervalMs: 60_000,
      decoder: { kind: 'codec', script: 'x', mapping: [] },
    };
    const body = {
      id: 'acme-meter',
      name: { zh: '水表', en: 'Meter' },
      domain: 'water',
      ...version,
      goldenFrames: [frame],
    };
    const path = '/api/v1/products/acme-meter/versions';
    expect((await api.call('POST', '/api/v1/products', as(vendor, { body }))).status).toBe(201);
    expect((await api.call('POST', '/api/v1/products', as(vendor, { body }))).status).toBe(409);

    const refused = await api.call<Problem>('POST', `${path}/1/publish`, as(vendor));
    expect(refused).toMatchObject({ status: 400, body: { code: 'golden_frames_failed' } });
    const mended = { ...version, goldenFrames: [{ ...frame, hex: '00' }] };
    expect((await api.call('PUT', `${path}/1`, as(vendor, { body: mended }))).status).toBe(200);
    expect(await api.call('POST', `${path}/1/publish`, as(vendor))).toMatchObject({
      status: 200,
      body: { status: 'published' },
    });
    expect(await api.call('PUT', `${path}/1`, as(vendor, { body: mended }))).toMatchObject({ status: 409 });
    expect(await api.call('POST', `${path}/1/publish`, as(vendor))).toMatchObject({ status: 409 });

    expect(await api.call('POST', path, as(vendor, { body: version }))).toMatchObject({
      body: { version: 2, status: 'draft' },
    });
    expect(await api.call('POST', path, as(vendor, { body: version }))).toMatchObject({ body: { version: 3 } });
    expect((await api.call('POST', `${path}/3/publish`, as(vendor))).status).toBe(200);
    expect(await api.call('POST', `${path}/2/publish`, as(vendor))).toMatchObject({
      body: { code: 'version_overtaken' },
    });
    const listed = await api.call<Listing<{ version: number }>>('GET', `${path}?limit=2`, as(vendor));
    expect(listed.body.items.map((item) => item.version)).toEqual([3, 2]);
    const next = await api.call<Listing<{ version: number }>>(
      'GET',
      `${path}?limit=2&cursor=${listed.body.nextCursor}`,
      as(vendor),
    );
    expect(next.body.items.map((item) => item.version)).toEqual([1]);
  });

  it('keep the urgent lane for life safety', async () => {
    const body = {
      id: 'fast',
      name: { zh: '快', en: 'Fast' },
      domain: 'water',
      lane: 'urgent',
      thingModel: model,
      expectedIntervalMs: 1_000,
    };
    expect(await api.call('POST', '/api/v1/products', as(vendor, { body }))).toMatchObject({
      status: 400,
      body: { code: 'lane_reserved' },
    });
  });
});
