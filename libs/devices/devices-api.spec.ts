import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { devicePresence, devices } from '#libs/registry-db';
import { DevicesApiModule } from './devices-api.module.js';

interface Listing<T> {
  items: T[];
  nextCursor: string | null;
}
interface Problem {
  code: string;
  errors?: { field: string; problem: string }[];
}
type Device = Record<string, unknown> & { id: string; revision: number; secret: string };

describe('devices over REST', () => {
  let api: TestApi;
  let water: TestTenant;
  let fire: TestTenant;
  let vendor: TestTenant;

  const as = (who: TestTenant, more: object = {}) => ({ token: who.token, ...more });

  async function register(who: TestTenant, body: object): Promise<Device> {
    const answer = await api.call<Device>('POST', '/api/v1/devices', as(who, { body }));
    expect(answer).toMatchObject({ status: 201 });
    return answer.body;
  }

  beforeAll(async () => {
    api = await startTestApi([DevicesApiModule]);
    water = await api.createTenant('water-bureau', ['operator']);
    fire = await api.createTenant('fire-brigade', ['operator']);
    vendor = await api.createTenant('acme', ['vendor']);
    const thingModel = { properties: [], events: [], commands: [] };
    const decoder = { kind: 'codec', script: 'x', mapping: [] };
    const product = { id: 'acme-meter', name: { zh: '水表', en: 'Meter' }, domain: 'water' };
    const body = { ...product, thingModel, decoder, expectedIntervalMs: 60_000 };
    await api.call('POST', '/api/v1/products', as(vendor, { body }));
    await api.call('POST', '/api/v1/products/acme-meter/versions/1/publish', as(vendor));
  });
  afterAll(async () => {
    await api.stop();
  });

  describe('devices', () => {
    it('get a secret once, 256 bits, kept as a hash', async () => {
      const device = await register(water, {
        id: 'Meter-1',
        name: '一号表',
        productId: 'water-meter',
        tags: { district: 'huichuan' },
      });
      expect(Buffer.from(device.secret, 'base64url')).toHaveLength(32);
      const { body } = await api.call<Device>('GET', '/api/v1/devices/METER-1', as(water));
      expect(body).toMatchObject({
        id: 'meter-1',
        status: 'registered',
        productId: 'water-meter',
        tenantId: water.tenantKey,
        presence: { online: false, since: null, lastSeenAt: null },
        revision: 1,
      });
      expect(JSON.stringify(body)).not.toContain(device.secret);
      const [row] = await api.database.select().from(devices).where(eq(devices.id, 'meter-1'));
      expect(row?.secretHash).toHaveLength(32);
    });

    it.each([
      ['no such product', { productId: 'nothing' }, 'productId'],
      ['no such installation', { installationId: '019a0000-0000-7000-8000-000000000000' }, 'installationId'],
      ['no such gateway', { gatewayId: 'nobody' }, 'gatewayId'],
      ['a bad id', { id: 'x y' }, 'id'],
      ['settings that nest', { settings: { a: { b: 1 } } }, 'settings'],
      ['too many tags', { tags: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`t${n}`, ''])) }, 'tags'],
      ['an unknown field', { colour: 'red' }, 'colour'],
    ])('are refused with %s', async (_what, part, field) => {
      const body = { id: 'refused', name: 'x', productId: 'water-meter', ...part };
      const answer = await api.call<Problem>('POST', '/api/v1/devices', as(water, { body }));
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
      expect(answer.body.errors?.map((error) => error.field)).toEqual([field]);
    });

    it('are refused with an id that is taken, by whomever', async () => {
      await register(water, { id: 'taken', name: 'x', productId: 'water-meter' });
      const body = { id: 'TAKEN', name: 'x', productId: 'water-meter' };
      expect(await api.call('POST', '/api/v1/devices', as(fire, { body }))).toMatchObject({
        status: 409,
        body: { code: 'device_id_taken' },
      });
    });

    it('are registered a thousand at once, each with its outcome', async () => {
      const batch: object[] = Array.from({ length: 997 }, (_, n) => ({
        id: `batch-${n}`,
        name: `${n}`,
        productId: 'parking-sensor',
      }));
      batch.push({ id: 'taken', name: 'x', productId: 'water-meter' });
      batch.push({ id: 'batch-0', name: 'again', productId: 'water-meter' });
      batch.push({ id: 'batch!', name: '', productId: 'water-meter' });
      const { status, body } = await api.call<{ results: { outcome: string; secret?: string; problem?: string }[] }>(
        'POST',
        '/api/v1/devices/batch',
        as(water, { body: { devices: batch } }),
      );
      expect(status).toBe(200);
      expect(body.results).toHaveLength(1_000);
      expect(body.results.slice(0, 997).every(({ outcome, secret }) => outcome === 'created' && secret)).toBe(true);
      expect(body.results.slice(997).map(({ outcome, secret }) => [outcome, secret])).toEqual([
        ['exists', undefined],
        ['exists', undefined],
        ['invalid', undefined],
      ]);
      expect(body.results[999]?.problem).toContain('id must be');
    });

    it('are found by product, tag, status, presence, area and text, page by page', async () => {
      const place = await api.call<{ id: string }>(
        'POST',
        '/api/v1/installations',
        as(fire, { body: { name: '万里路', areaCode: '520302', building: 'A-3' } }),
      );
      const ids = ['find-a', 'find-b', 'find-c'];
      for (const id of ids) {
        await register(fire, {
          id,
          name: `探测器 ${id}`,
          productId: id === 'find-c' ? 'parking-sensor' : 'fire-detector',
          tags: { floor: id.slice(-1) },
          installationId: id === 'find-a' ? place.body.id : undefined,
        });
      }
      const [row] = await api.database.select().from(devices).where(eq(devices.id, 'find-b'));
      await api.database.insert(devicePresence).values({
        deviceKey: row?.key ?? '',
        online: true,
        since: new Date(),
        lastSeenAt: new Date(),
        cause: 'message',
      });
      const found = async (query: string) => {
        const { body } = await api.call<Listing<Device>>('GET', `/api/v1/devices?${query}`, as(fire));
        return body.items.map(({ id }) => id);
      };
      expect(await found('')).toEqual(ids);
      expect(await found('product=fire-detector')).toEqual(['find-a', 'find-b']);
      expect(await found('tag=floor:c')).toEqual(['find-c']);
      expect(await found('tag=floor')).toEqual(ids);
      expect(await found('status=active')).toEqual([]);
      expect(await found('online=true')).toEqual(['find-b']);
      expect(await found('online=false')).toEqual(['find-a', 'find-c']);
      expect(await found('area=5203')).toEqual(['find-a']);
      expect(await found('q=FIND-B')).toEqual(['find-b']);
      expect(await found(`q=${encodeURIComponent('器 find-c')}`)).toEqual(['find-c']);
      expect(await found(`q=${encodeURIComponent('%')}`)).toEqual([]);
      const first = await api.call<Listing<Device>>('GET', '/api/v1/devices?limit=2', as(fire));
      expect(await found(`limit=2&cursor=${first.body.nextCursor}`)).toEqual(['find-c']);
    });

    it('change by If-Match, move, disable, enable and retire', async () => {
      await register(water, { id: 'life', name: 'x', productId: 'water-meter' });
      const patch = (body: object, headers = {}) =>
        api.call<Device>('PATCH', '/api/v1/devices/life', as(water, { body, headers }));
      expect(await patch({ name: 'y', settings: { away: true } }, { 'if-match': '"1"' })).toMatchObject({
        status: 200,
        body: { name: 'y', settings: { away: true }, revision: 2 },
      });
      expect(await patch({ name: 'z' }, { 'if-match': '"1"' })).toMatchObject({
        status: 412,
        body: { code: 'revision_conflict' },
      });
      expect(await patch({ id: 'other' })).toMatchObject({ status: 400 });
      expect(await patch({ gatewayId: 'life' })).toMatchObject({ status: 400 });
      expect(await patch({ gatewayId: 'meter-1', expectedIntervalMs: 60_000 })).toMatchObject({
        body: { gatewayId: 'meter-1' },
      });
      expect(await patch({ gatewayId: null, expectedIntervalMs: null })).toMatchObject({
        body: { gatewayId: null, expectedIntervalMs: null },
      });
      const act = (action: string) => api.call<Device>('POST', `/api/v1/devices/life/${action}`, as(water));
      expect(await act('disable')).toMatchObject({ status: 200, body: { status: 'disabled' } });
      expect(await act('enable')).toMatchObject({ status: 200, body: { status: 'registered' } });
      expect((await api.call('DELETE', '/api/v1/devices/life', as(water))).status).toBe(204);
      expect(await patch({ name: 'z' })).toMatchObject({ status: 409, body: { code: 'device_retired' } });
      expect(await act('enable')).toMatchObject({ status: 409 });
    });

    it('get a new secret, the old one good for the overlap', async () => {
      await register(water, { id: 'rotates', name: 'x', productId: 'water-meter' });
      const row = async () => (await api.database.select().from(devices).where(eq(devices.id, 'rotates')))[0];
      const before = await row();
      const { status, body } = await api.call<{ secret: string }>(
        'POST',
        '/api/v1/devices/rotates/secret',
        as(water, { body: {} }),
      );
      expect(status).toBe(200);
      expect(body.secret).toHaveLength(43);
      expect((await row())?.previousSecretHash).toEqual(before?.secretHash);
      await api.call('POST', '/api/v1/devices/rotates/secret', as(water, { body: { overlapSeconds: 0 } }));
      expect(await row()).toMatchObject({ previousSecretHash: null, previousSecretUntil: null });
    });
  });

  it('makes many installations at once, or none of them', async () => {
    const place = (name: unknown) => ({ name, areaCode: '520303', position: { latitude: 27.7, longitude: 106.9 } });
    const path = '/api/v1/installations/batch';
    const post = (installations: unknown[]) =>
      api.call<{ ids: string[] }>('POST', path, as(water, { body: { installations } }));
    const listed = () =>
      api.call<Listing<{ id: string; name: string }>>('GET', '/api/v1/installations?area=520303', as(water));
    for (const wrong of [[place('a'), place('')], [], [place('a'), { name: 'b', tenantId: fire.tenantKey }]]) {
      expect((await post(wrong)).status).toBe(400);
    }
    expect((await listed()).body.items).toEqual([]);
    const made = await post([place('east'), place('west')]);
    expect(made.status).toBe(201);
    const items = (await listed()).body.items;
    expect(items.map(({ id, name }) => [id, name])).toEqual([
      [made.body.ids[0], 'east'],
      [made.body.ids[1], 'west'],
    ]);
  });

  it('names the districts of the city', async () => {
    const { body } = await api.call<{ items: { code: string; name: { zh: string }; boundary: null }[] }>(
      'GET',
      '/api/v1/areas',
      as(water),
    );
    expect(body.items).toContainEqual({
      code: '520302',
      name: { zh: '红花岗区', en: 'Honghuagang District' },
      boundary: null,
    });
  });

  it('keeps a position as given and in WGS-84', async () => {
    const position = { crs: 'GCJ-02', latitude: 27.7227, longitude: 106.9312 };
    const made = await api.call<{ id: string; position: { latitude: number } }>(
      'POST',
      '/api/v1/installations',
      as(water, { body: { name: '丁字口', position } }),
    );
    expect(made).toMatchObject({ status: 201, body: { sourcePosition: position, position: { crs: 'WGS-84' } } });
    expect(Math.abs(made.body.position.latitude - position.latitude)).toBeGreaterThan(0.001);
    const path = `/api/v1/installations/${made.body.id}`;
    expect(await api.call('PATCH', path, as(water, { body: { position: null, building: 'B' } }))).toMatchObject({
      body: { position: null, sourcePosition: null, building: 'B', name: '丁字口', revision: 2 },
    });
    await register(water, { id: 'mounted', name: 'x', productId: 'water-meter', installationId: made.body.id });
    expect(await api.call('DELETE', path, as(water))).toMatchObject({
      status: 409,
      body: { code: 'installation_in_use' },
    });
    await api.call('PATCH', '/api/v1/devices/mounted', as(water, { body: { installationId: null } }));
    expect((await api.call('DELETE', path, as(water))).status).toBe(204);
  });

  describe('tenancy', () => {
    it('hides every device, product and installation of another tenant, and refuses to use them', async () => {
      await register(water, { id: 'private', name: 'x', productId: 'water-meter' });
      const place = await api.call<{ id: string }>('POST', '/api/v1/installations', as(water, { body: { name: 'x' } }));
      const body = { name: 'y' };
      for (const [method, path, payload] of [
        ['GET', '/api/v1/devices/private'],
        ['PATCH', '/api/v1/devices/private', body],
        ['DELETE', '/api/v1/devices/private'],
        ['POST', '/api/v1/devices/private/disable'],
        ['POST', '/api/v1/devices/private/secret', {}],
        ['GET', `/api/v1/installations/${place.body.id}`],
        ['PATCH', `/api/v1/installations/${place.body.id}`, body],
        ['DELETE', `/api/v1/installations/${place.body.id}`],
        ['GET', '/api/v1/products/acme-meter'],
        ['GET', '/api/v1/products/acme-meter/versions'],
      ] as const) {
        expect([method, path, (await api.call(method, path, as(fire, { body: payload }))).status]).toEqual([
          method,
          path,
          404,
        ]);
      }
      const stolen = { id: 'stolen', name: 'x', productId: 'fire-detector', installationId: place.body.id };
      expect((await api.call('POST', '/api/v1/devices', as(fire, { body: stolen }))).status).toBe(400);
      const foreign = { id: 'foreign', name: 'x', productId: 'fire-detector', tenantId: water.tenantKey };
      expect((await api.call('POST', '/api/v1/devices', as(fire, { body: foreign }))).status).toBe(400);
    });

    it('lets a vendor see the devices of its products while a grant lasts, and nothing else', async () => {
      const listed = async (who: TestTenant) =>
        (await api.call<Listing<Device>>('GET', '/api/v1/devices', as(who))).body.items.map(({ id }) => id);
      const grant = { vendorTenantId: vendor.tenantKey, expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
      const given = await api.call<{ id: string }>('POST', '/api/v1/device-grants', as(fire, { body: grant }));
      expect(given.status).toBe(201);
      await register(fire, { id: 'vendored', name: 'x', productId: 'acme-meter' });
      expect(await listed(vendor)).toEqual(['vendored']);
      expect((await api.call('GET', '/api/v1/devices/vendored', as(vendor))).status).toBe(200);
      expect((await api.call('GET', '/api/v1/devices/find-a', as(vendor))).status).toBe(404);
      const shown = await api.call<{ current: { decoder: object } }>('GET', '/api/v1/products/acme-meter', as(fire));
      expect(shown.body.current.decoder).toEqual({ kind: 'codec' });
      expect((await api.call('DELETE', `/api/v1/device-grants/${given.body.id}`, as(water))).status).toBe(404);
      expect((await api.call('DELETE', `/api/v1/device-grants/${given.body.id}`, as(fire))).status).toBe(204);
      expect(await listed(vendor)).toEqual([]);
      expect((await api.call('GET', '/api/v1/devices/vendored', as(vendor))).status).toBe(404);
    });

    it('refuses a grant that ends in the past or never', async () => {
      for (const expiresAt of ['2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z', 'tomorrow']) {
        const body = { vendorTenantId: vendor.tenantKey, expiresAt };
        expect((await api.call('POST', '/api/v1/device-grants', as(fire, { body }))).status).toBe(400);
      }
    });

    it('shows an administrator every tenant', async () => {
      const { body } = await api.call<Device>('GET', '/api/v1/devices/find-a');
      expect(body).toMatchObject({ tenantId: fire.tenantKey });
      const made = await api.call<Device>('POST', '/api/v1/devices', {
        body: { id: 'given', name: 'x', productId: 'water-meter', tenantId: water.tenantKey },
      });
      expect(made).toMatchObject({ status: 201, body: { tenantId: water.tenantKey } });
      const [row] = await api.database
        .select()
        .from(devices)
        .where(and(eq(devices.id, 'given'), eq(devices.tenantKey, water.tenantKey)));
      expect(row).toBeDefined();
    });
  });
});
