import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { DevicesApiModule, DevicesModule } from '#libs/devices';
import { seedDevices } from '#libs/devices/testing';
import { products } from '#libs/registry-db';
import { StreamModule } from '#libs/stream';
import { NormaliserApiModule } from '../normaliser.module.js';

let api: TestApi;
let vendor: TestTenant;
let stranger: TestTenant;

beforeAll(async () => {
  api = await startTestApi([StreamModule, DevicesModule, DevicesApiModule, NormaliserApiModule]);
  await seedDevices(api.database, {});
  vendor = await api.createTenant('vendor', ['vendor']);
  stranger = await api.createTenant('stranger', ['vendor']);
  await api.database.insert(products).values({
    id: 'own',
    ownerTenantKey: vendor.tenantKey,
    nameZh: '表',
    nameEn: 'Meter',
    domain: 'water',
    lane: 'bulk',
  });
});

afterAll(() => api.stop());

const frame = { text: '{"values":{"battery":"3.6"}}' };

describe('POST /api/v1/products/{id}/decode', () => {
  it('answers what the product makes of the frame', async () => {
    const answer = await api.call('POST', '/api/v1/products/water-meter/decode', { token: vendor.token, body: frame });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      outcome: 'decoded',
      reports: [{ readings: [{ metric: 'battery', value: 3.6, unit: 'V', quality: ['coerced'] }] }],
      warnings: [{ kind: 'coerced' }],
      errors: [],
    });
  });

  it.each([
    ['an unknown field', 'water-meter', { ...frame, colour: 'red' }, 400, 'validation_failed'],
    ['digits that are none', 'water-meter', { hex: 'zz' }, 400, 'validation_failed'],
    ['no bytes', 'water-meter', {}, 400, 'validation_failed'],
    ['a product that does not exist', 'nothing', frame, 404, 'product_not_found'],
    ['a product without a version', 'own', frame, 404, 'product_not_found'],
  ])('refuses %s', async (_what, product, body, status, code) => {
    const answer = await api.call('POST', `/api/v1/products/${product}/decode`, { token: vendor.token, body });
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([status, code]);
  });

  it("answers 404 for another tenant's product, 401 without a session, 403 without the permission", async () => {
    const consumer = await api.createUser(vendor.tenantKey, 'reader', ['consumer']);
    const statuses = await Promise.all(
      [stranger.token, null, consumer.token].map(
        async (token) => (await api.call('POST', '/api/v1/products/own/decode', { token, body: frame })).status,
      ),
    );
    expect(statuses).toEqual([404, 401, 403]);
  });
});

describe('POST /api/v1/products/{id}/versions/{version}/publish', () => {
  const product = {
    id: 'pulse-meter',
    name: { zh: '脉冲水表', en: 'Pulse meter' },
    domain: 'water',
    expectedIntervalMs: 3_600_000,
    thingModel: {
      properties: [
        { identifier: 'battery', name: { zh: '电压', en: 'Voltage' }, type: 'number', kind: 'gauge', unit: 'V' },
      ],
      events: [],
      commands: [],
    },
    goldenFrames: [{ name: 'full battery', kind: 'up', port: 1, hex: '24', expected: { battery: 3.6 } }],
  };
  const codec = (script: string) => ({
    kind: 'codec',
    script,
    mapping: [{ field: 'v', metric: 'battery', scale: 0.1 }],
  });

  it('refuses a version whose golden frames do not decode, with the place in its script, and takes the mended one', async () => {
    const wrong = codec('function decodeUplink(input) {\n  return input.nothing.at.all;\n}');
    const right = codec('function decodeUplink(input) { return { data: { v: input.bytes[0] } }; }');
    const { token } = vendor;
    const made = await api.call('POST', '/api/v1/products', { token, body: { ...product, decoder: wrong } });
    expect(made.status).toBe(201);
    const refused = await api.call('POST', '/api/v1/products/pulse-meter/versions/1/publish', { token });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toMatch(/golden_frames_failed.*full battery.*codec_exception.*line 2/);
    const { id: _id, name: _name, domain: _domain, ...version } = product;
    await api.call('POST', '/api/v1/products/pulse-meter/versions', { token, body: { ...version, decoder: right } });
    const published = await api.call('POST', '/api/v1/products/pulse-meter/versions/2/publish', { token });
    expect([published.status, published.body]).toEqual([expect.any(Number), expect.objectContaining({ version: 2 })]);
    expect(published.status).toBeLessThan(300);
  });
});
