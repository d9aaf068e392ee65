import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { encodeNormalisedMessages, qualityFlags, streams } from '#libs/contracts';
import { DeviceDirectory, ProductCatalogue } from '#libs/devices';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { deviceGrants, products, tenants } from '#libs/registry-db';
import { STREAM, type StreamLog, StreamModule } from '#libs/stream';
import { TELEMETRY_STORE, type TelemetryStore, TelemetryStoreModule } from '#libs/telemetry-store';
import { batchOf, dayStart, messageOf } from '#libs/telemetry-store/testing';
import { ReadingsApiModule } from './readings.module.js';

const minute = 60_000;
const hour = 60 * minute;
const iso = (at: number) => new Date(dayStart + at).toISOString();

describe('readings over REST', () => {
  let api: TestApi;
  let owner: TestTenant;
  let stranger: TestTenant;
  let seeded: Seeded;
  let store: TelemetryStore;
  let id: string;
  let key: string;

  beforeAll(async () => {
    api = await startTestApi([StreamModule, TelemetryStoreModule, ReadingsApiModule], {
      environment: { DEVICES_POLL_MS: '20' },
    });
    owner = await api.createTenant('water');
    stranger = await api.createTenant('parking');
    const [tenant] = (await api.database.select().from(tenants)).filter((t) => t.key === owner.tenantKey);
    seeded = await seedDevices(api.database, { tenantId: tenant?.id, count: 3 });
    ({ id, key } = seeded.devices[0] as Seeded['devices'][number]);
    const directory = api.app.get(DeviceDirectory, { strict: false });
    while (!directory.byId(seeded.devices[2]?.id ?? '')) await new Promise((resolve) => setTimeout(resolve, 10));
    store = api.app.get<TelemetryStore>(TELEMETRY_STORE);
    const report = (index: number) => ({
      observedAt: dayStart + index * 10 * minute,
      seq: index,
      values: { 'metering.water.total': 1_000 + index, 'odd.metric': index % 2 === 0 },
    });
    const messages = Array.from({ length: 12 }, (_, index) =>
      messageOf({ deviceKey: key, productKey: seeded.productKey, tenantKey: owner.tenantKey }, report(index)),
    );
    await store.append([batchOf(messages, { position: 1 })]);
  });
  afterAll(() => api.stop());

  const get = <T>(path: string, token = owner.token) => api.call<T>('GET', `/api/v1${path}`, { token });

  it('shows the latest, with the words of the product', async () => {
    const { status, body } = await get(`/devices/${id.toUpperCase()}/readings/latest`);
    expect(status).toBe(200);
    expect(body).toEqual({
      deviceId: id,
      readings: [
        {
          metric: 'metering.water.total',
          name: { zh: expect.any(String), en: expect.any(String) },
          unit: 'L',
          value: 1_011,
          quality: ['good'],
          observedAt: iso(110 * minute),
          receivedAt: iso(110 * minute),
          storedAt: expect.stringMatching(/Z$/),
          deviceTime: null,
          seq: 11,
          revision: 0,
          messageId: 'b.0.1.11',
        },
        expect.objectContaining({ metric: 'odd.metric', name: null, unit: null, value: false }),
      ],
    });
  });

  it('shows the latest of several devices, those without readings too', async () => {
    const other = seeded.devices[1]?.id ?? '';
    const { body } = await get<{ items: { deviceId: string; readings: unknown[] }[] }>(
      `/readings/latest?device=${id}&device=${other}`,
    );
    expect(body.items.map((item) => [item.deviceId, item.readings.length])).toEqual([
      [id, 2],
      [other, 0],
    ]);
  });

  it('pages through a range', async () => {
    const path = `/devices/${id}/readings?metric=metering.water.total&from=${iso(0)}&to=${iso(hour)}&limit=4`;
    const first = await get<{ items: { value: number }[]; nextCursor: string }>(path);
    const second = await get<{ items: { value: number }[]; nextCursor: string | null }>(
      `${path}&cursor=${first.body.nextCursor}`,
    );
    expect([...first.body.items, ...second.body.items].map((r) => r.value)).toEqual([
      1000, 1001, 1002, 1003, 1004, 1005,
    ]);
    expect(second.body.nextCursor).toBeNull();
  });

  it('downsamples by the kind of metric, in local days', async () => {
    const series = `/devices/${id}/series?metric=metering.water.total&from=${iso(0)}&to=${iso(3 * hour)}`;
    const { body } = await get<{ aggregation: string; unit: string; buckets: unknown[] }>(`${series}&step=PT1H`);
    expect(body).toMatchObject({ aggregation: 'increase', unit: 'L', stepSeconds: 3_600 });
    expect(body.buckets).toEqual([
      { at: iso(0), value: 5 },
      { at: iso(hour), value: 6 },
      { at: iso(2 * hour), value: null },
    ]);
    const days = await get<{ buckets: unknown[] }>(
      `/devices/${id}/series?metric=metering.water.total&from=2026-03-10T08:00:00+08:00&to=${iso(24 * hour)}&step=P1D&aggregation=last`,
    );
    expect(days.body.buckets).toEqual([{ at: iso(0), value: null }]);
  });

  it('shows frames byte for byte', async () => {
    const range = `from=${iso(0)}&to=${iso(24 * hour)}`;
    const page = await get<{ items: { messageId: string }[]; nextCursor: string }>(
      `/devices/${id}/frames?${range}&limit=5`,
    );
    expect(page.body.items.map((f) => f.messageId)).toEqual(['b.0.1.11', 'b.0.1.10', 'b.0.1.9', 'b.0.1.8', 'b.0.1.7']);
    const next = await get<{ items: { messageId: string }[] }>(
      `/devices/${id}/frames?${range}&limit=5&cursor=${page.body.nextCursor}`,
    );
    expect(next.body.items[0]?.messageId).toBe('b.0.1.6');
    const { body } = await get(`/devices/${id}/frames/b.0.1.3`);
    const text = `{"device":"${key}"}`;
    expect(body).toMatchObject({
      messageId: 'b.0.1.3',
      outcome: 'decoded',
      reason: null,
      decoder: 'json@1',
      productId: 'water-meter',
      bytes: text.length,
      base64: Buffer.from(text).toString('base64'),
      text,
    });
  });

  it.each([
    ['/devices/none/readings/latest', 404, 'device_not_found'],
    ['/devices/:id/frames/b.0.9.9', 404, 'frame_not_found'],
    ['/devices/:id/frames/whatever', 404, 'frame_not_found'],
    ['/devices/:id/readings?from=yesterday', 400, 'validation_failed'],
    ['/devices/:id/readings?from=2026-03-10T10:00:00', 400, 'validation_failed'],
    ['/devices/:id/readings?from=2026-13-40T10:00:00Z', 400, 'range_invalid'],
    ['/devices/:id/readings?from=2026-03-10T10:00:00Z&to=2026-03-09T10:00:00Z', 400, 'range_invalid'],
    ['/devices/:id/readings?cursor=e30', 400, 'cursor_invalid'],
    ['/devices/:id/readings?cursor=WzEsImEiLDEsInh4Il0', 400, 'cursor_invalid'],
    ['/devices/:id/readings?cursor=WyJ4IiwiYSIsMSwiYi4xLjEuMSJd', 400, 'cursor_invalid'],
    ['/devices/:id/frames?cursor=WyJ4IiwieCJd', 400, 'cursor_invalid'],
    ['/devices/:id/readings?limit=100000', 400, 'validation_failed'],
    ['/devices/:id/series?metric=a&step=month', 400, 'step_invalid'],
    ['/devices/:id/series?metric=a&step=1', 400, 'step_invalid'],
    ['/devices/:id/series?metric=a&aggregation=median', 400, 'validation_failed'],
    ['/devices/:id/series', 400, 'validation_failed'],
    ['/readings/latest', 400, 'validation_failed'],
    ['/readings/latest?device=none', 404, 'device_not_found'],
  ])('%s answers %i %s', async (path, status, code) => {
    const answer = await get<{ code: string }>(path.replace(':id', id));
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('shows nothing to another tenant', async () => {
    for (const path of [
      `/devices/${id}/readings/latest`,
      `/devices/${id}/readings`,
      `/devices/${id}/series?metric=battery`,
      `/devices/${id}/frames`,
      `/devices/${id}/frames/b.0.1.3`,
      `/readings/latest?device=${id}`,
      `/readings/stream?device=${id}`,
    ]) {
      expect([path, (await get(path, stranger.token)).status]).toEqual([path, 404]);
    }
  });

  it('shows a vendor the devices of its products while their tenant grants it', async () => {
    const vendor = await api.createTenant('vendor', ['vendor']);
    await api.database
      .update(products)
      .set({ ownerTenantKey: vendor.tenantKey, nameEn: "Vendor's meter" })
      .where(eq(products.key, seeded.productKey));
    const catalogue = api.app.get(ProductCatalogue, { strict: false });
    while (catalogue.current(seeded.productKey)?.ownerTenantKey !== vendor.tenantKey) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const status = async () => (await get(`/devices/${id}/readings/latest`, vendor.token)).status;
    expect(await status()).toBe(404);
    const grant = { deviceTenantKey: owner.tenantKey, vendorTenantKey: vendor.tenantKey };
    const [row] = await api.database
      .insert(deviceGrants)
      .values({ ...grant, expiresAt: new Date(Date.now() + hour) })
      .returning();
    expect(await status()).toBe(200);
    await api.database
      .update(deviceGrants)
      .set({ expiresAt: new Date(Date.now() - hour) })
      .where(eq(deviceGrants.key, row?.key ?? ''));
    expect(await status()).toBe(404);
  });

  it('streams readings live to whoever may see them', async () => {
    const stream = api.app.get<StreamLog>(STREAM);
    const events = await listen(api, `/api/v1/readings/stream?product=water-meter`, owner.token);
    const foreign = await listen(api, '/api/v1/readings/stream', stranger.token);
    const other = await listen(api, `/api/v1/readings/stream?device=${seeded.devices[1]?.id}`, owner.token);
    const message = messageOf(
      { deviceKey: key, productKey: seeded.productKey, tenantKey: owner.tenantKey, messageId: 'b.1.7.0' },
      { observedAt: dayStart, values: { 'metering.water.total': 7 } },
    );
    for (const reading of message.reports[0]?.readings ?? []) reading.quality = qualityFlags.coerced;
    await stream.append([
      { stream: streams.readings, lane: 'bulk', partition: 1, data: encodeNormalisedMessages([message]) },
    ]);
    const event = await events.next();
    expect(event).toContain('event: readings\n');
    expect(JSON.parse(/data: (.*)\n/.exec(event)?.[1] ?? '')).toEqual({
      deviceId: id,
      readings: [
        expect.objectContaining({
          metric: 'metering.water.total',
          unit: 'L',
          value: 7,
          quality: ['coerced'],
          storedAt: null,
          messageId: 'b.1.7.0',
        }),
      ],
    });
    expect([foreign.received(), other.received()]).toEqual([0, 0]);
    for (const one of [events, foreign, other]) await one.close();
  });

  it('says from when on readings are kept, and answers for earlier from roll-ups', async () => {
    const { body } = await get<{ keptFrom: string }>(`/devices/${id}/readings?from=${iso(0)}&to=${iso(hour)}`);
    const keptMs = Date.now() - Date.parse(body.keptFrom);
    expect(keptMs).toBeGreaterThanOrEqual(400 * 24 * hour);
    expect(keptMs).toBeLessThanOrEqual(401 * 24 * hour);
    await store.deleteBefore({ reading: dayStart + 24 * hour, hour: 0, day: 0 });
    const series = (step: string) =>
      get<{ code?: string; detail?: string; buckets?: { value: number | null }[] }>(
        `/devices/${id}/series?metric=metering.water.total&from=${iso(0)}&to=${iso(3 * hour)}&step=${step}`,
      );
    const hours = await series('PT1H');
    expect(hours.status).toBe(200);
    expect(hours.body.buckets?.map(({ value }) => value)).toEqual([5, 6, null]);
    const quarters = await series('PT15M');
    expect(quarters.status).toBe(400);
    expect(quarters.body.code).toBe('telemetry_resolution_gone');
    expect(quarters.body.detail).toContain('PT1H');
  });
});

/** A reader of a live stream; `next` resolves with the next event. */
async function listen(api: TestApi, path: string, token: string) {
  const abort = new AbortController();
  const response = await fetch(api.url + path, { headers: { authorization: `Bearer ${token}` }, signal: abort.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: string[] = [];
  let wake = () => {};
  const reading = (async () => {
    let rest = '';
    try {
      for await (const chunk of response.body ?? []) {
        rest += Buffer.from(chunk as Uint8Array).toString();
        const parts = rest.split('\n\n');
        rest = parts.pop() ?? '';
        events.push(...parts.filter((part) => part.startsWith('event:')).map((part) => `${part}\n`));
        wake();
      }
    } catch {
      // Ended by `close`.
    }
  })();
  return {
    received: () => events.length,
    next: async () => {
      while (events.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return events.shift() ?? '';
    },
    close: async () => {
      abort.abort();
      await reading;
    },
  };
}
