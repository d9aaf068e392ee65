import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStream } from '../platform/event-stream.js';
import { eventually } from '../platform/eventually.js';
import { type FlowDevice, type FlowPlatform, manyRoles, startFlowPlatform, TenantClient } from './flow-platform.js';

interface Counts {
  total: number;
  online: number;
  offline: number;
  neverSeen: number;
  disabled: number;
}
interface Severities {
  total: number;
  critical: number;
}
interface Overview {
  devices: Counts;
  alerts: { open: Severities; unacknowledged: Severities } | null;
  domains: { domain: string; devices: Counts; alerts: Severities | null }[];
  products: { productId: string }[];
  areas: { areaCode: string | null; devices: Counts }[];
  flow: { messagesPerSecond: number | null; discards: number | null; lagSeconds: number | null };
  trend: {
    messagesPerSecond: (number | null)[];
    devicesOnline: (number | null)[];
    openAlerts: unknown;
    discards: unknown;
  };
  system: { lagMessages: number; stages: { stage: string }[] } | null;
}
interface DeviceMap {
  revision: string;
  products: { id: string; domain: string }[];
  areas: string[];
  states: string[];
  severities: string[];
  devices: Record<'id' | 'longitude' | 'latitude' | 'product' | 'area' | 'state' | 'severity', (string | number)[]>;
}
interface Changes {
  devices: { id: string; state: string; severity: string | null; longitude: number }[];
  removed: string[];
}

let platform: FlowPlatform;
let water: TenantClient;
let fire: TenantClient;
let vendor: TenantClient;
let meters: FlowDevice[];
let detector: FlowDevice;

beforeAll(async () => {
  platform = await startFlowPlatform({
    OVERVIEW_POLL_MS: '50',
    OVERVIEW_TICK_MS: '100',
    OVERVIEW_SAMPLE_MS: '200',
    OVERVIEW_MAP_CACHE_MS: '0',
    OVERVIEW_MAP_DEVICES: '6',
  });
  const { api } = platform;
  [water, fire, vendor] = (await Promise.all([
    api.createTenant('waterworks', ['operator']),
    api.createTenant('brigade', manyRoles),
    api.createTenant('maker', ['vendor']),
  ]).then((tenants) => tenants.map((tenant) => new TenantClient(api, tenant)))) as [
    TenantClient,
    TenantClient,
    TenantClient,
  ];
  meters = await Promise.all(
    [1, 2, 3].map((n) => mounted(water, `meter-${n}`, 'water-meter', '520302', 106.9 + n / 100)),
  );
  detector = await mounted(fire, 'detector-1', 'fire-detector', '520303', 106.95);
}, 120_000);

afterAll(() => platform?.stop(), 60_000);

async function mounted(
  owner: TenantClient,
  id: string,
  productId: string,
  areaCode: string,
  longitude: number,
): Promise<FlowDevice> {
  const place = { name: id, areaCode, position: { latitude: 27.7, longitude } };
  const { id: installationId } = await owner.call('POST', '/installations', place);
  return await owner.register(id, productId, { installationId });
}

const overviewOf = (who: TenantClient) => who.call<Overview>('GET', '/overview');
const mapOf = (who: TenantClient, query = '') => who.call<DeviceMap>('GET', `/map/devices${query}`);
const admin = () => new TenantClient(platform.api, { token: platform.api.adminToken, tenantKey: '', userKey: '' });

/** Device ids with the name of their state and of their worst alert. */
function drawn({ devices, states, severities }: DeviceMap): Record<string, string> {
  return Object.fromEntries(
    devices.id.map((id, n) => [
      id,
      `${states[Number(devices.state[n])]} ${severities[Number(devices.severity[n])] ?? '-'}`,
    ]),
  );
}

function fitting<T>(ask: () => Promise<T>, fits: (answer: T) => boolean, what: string): Promise<T> {
  return eventually(async () => {
    const answer = await ask();
    return fits(answer) ? answer : undefined;
  }, what);
}

describe('the overview', () => {
  it("counts one's own devices, by state, domain and area", async () => {
    const view = await fitting(
      () => overviewOf(water),
      ({ devices }) => devices.total === 3,
      'three meters',
    );
    const never = { total: 3, online: 0, offline: 0, neverSeen: 3, disabled: 0 };
    expect(view.devices).toEqual(never);
    expect(view.domains).toEqual([{ domain: 'water', devices: never, alerts: expect.objectContaining({ total: 0 }) }]);
    expect(view.areas.map(({ areaCode, devices }) => [areaCode, devices.total])).toEqual([['520302', 3]]);
    expect(view.products.map(({ productId }) => productId)).toEqual(['water-meter']);
    expect(view.system).toBeNull();
  });

  it('follows devices that come online and alarms that come and go, and tells it live', async () => {
    const { tenantKey, token } = fire.tenant;
    const live = await EventStream.open<Overview>(`${platform.api.url}/api/v1/overview/stream`, token);
    await live.find(({ data }) => data.devices.neverSeen === 1, 'the beginning');
    await platform.report(detector, '{"values":{"fire":true}}');
    await live.find(({ data }) => data.devices.online === 1 && data.alerts?.open.critical === 1, 'an alarm, online');
    const alert = await fire.first<{ id: string }>('/alerts?severity=critical');
    await fire.call('POST', `/alerts/${alert.id}/acknowledge`);
    await live.find(
      ({ data }) => data.alerts?.open.critical === 1 && data.alerts.unacknowledged.critical === 0,
      'an acknowledgement',
    );
    const told = live.events.length;
    // Nothing happens, nothing is told: figures of the flow are the same once the half minute is full of them.
    expect(told).toBeGreaterThanOrEqual(3);
    await fire.call('POST', `/alerts/${alert.id}/clear`, { reason: 'drill' });
    await live.find(({ data }) => data.alerts?.open.total === 0, 'the end of it');
    live.close();
    const { domains } = await overviewOf(water);
    expect(domains.map(({ domain }) => domain)).toEqual(['water']);
    expect(JSON.stringify(live.events)).not.toContain('520302');
    expect(tenantKey).not.toBe(water.tenant.tenantKey);
  });

  it("counts messages and discards of one's own, and of all for who sees all", async () => {
    await overviewOf(water);
    const reports = async () => {
      await platform.report(meters[0] as FlowDevice, '{"values":{"flowRate":1}}');
      await platform.report(detector, '{"values":{"battery":3.1}}');
    };
    await platform.report(meters[0] as FlowDevice, 'not JSON');
    const view = await fitting(
      async () => {
        await reports();
        return await overviewOf(water);
      },
      ({ flow }) => (flow.messagesPerSecond ?? 0) > 0 && flow.discards === 1,
      'a rate and a discard',
    );
    expect(view.trend.messagesPerSecond).toHaveLength(60);
    expect(view.trend.messagesPerSecond.at(-1)).toBeGreaterThan(0);
    expect((await overviewOf(fire)).flow.discards).toBe(0);
    const all = await overviewOf(admin());
    expect(all.flow.discards).toBe(1);
    expect(all.flow.messagesPerSecond).toBeGreaterThan(0);
    expect(all.trend.messagesPerSecond.at(-1)).toBeGreaterThan(0);
    expect(all.devices.total).toBe(4);
    expect(all.system?.stages.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['normaliser', 'rules', 'alerts']),
    );
  });

  it('shows a vendor no alerts, and the devices of its products only while they are granted', async () => {
    await vendor.call('POST', '/products', {
      id: 'maker-meter',
      name: { zh: '表', en: 'meter' },
      domain: 'water',
      thingModel: { properties: [], events: [], commands: [] },
      decoder: { kind: 'json' },
      expectedIntervalMs: 60_000,
    });
    await vendor.call('POST', '/products/maker-meter/versions/1/publish');
    expect((await overviewOf(vendor)).devices.total).toBe(0);
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    const { id } = await fire.call('POST', '/device-grants', { vendorTenantId: vendor.tenant.tenantKey, expiresAt });
    await eventually(
      async () => ((await fire.status('GET', '/products/maker-meter')) === 200 ? true : undefined),
      'it',
    );
    await mounted(fire, 'maker-1', 'maker-meter', '520304', 106.99);
    const view = await fitting(
      () => overviewOf(vendor),
      ({ devices }) => devices.total === 1,
      'its device',
    );
    expect([view.alerts, view.domains[0]?.alerts, view.trend.openAlerts, view.trend.discards]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(view.areas.map(({ areaCode }) => areaCode)).toEqual(['520304']);
    const map = await mapOf(vendor);
    expect([map.devices.id, map.areas, map.products.map(({ id: product }) => product)]).toEqual([
      ['maker-1'],
      ['520304'],
      ['maker-meter'],
    ]);
    await fire.call('DELETE', `/device-grants/${id}`);
    await fitting(
      () => overviewOf(vendor),
      ({ devices }) => devices.total === 0,
      'the end of the grant',
    );
  });
});

describe('the map', () => {
  it("holds one's own devices with their state and worst alert, and names nothing of others", async () => {
    await platform.report(detector, '{"values":{"fault":true}}');
    const map = await fitting(
      () => mapOf(fire),
      (view) => drawn(view)['detector-1'] === 'online major',
      'a fault',
    );
    expect(map.devices.longitude[map.devices.id.indexOf('detector-1')]).toBe(106.95);
    const others = await mapOf(water);
    expect(Object.keys(drawn(others)).sort()).toEqual(['meter-1', 'meter-2', 'meter-3']);
    expect(JSON.stringify(others)).not.toMatch(/detector|maker|52030[34]/);
    expect(Object.keys(drawn(await mapOf(admin()))).sort()).toEqual([
      'detector-1',
      'maker-1',
      'meter-1',
      'meter-2',
      'meter-3',
    ]);
  });

  it.each([
    ['?product=water-meter', ['meter-1', 'meter-2', 'meter-3']],
    ['?area=520303', ['detector-1']],
    ['?area=52', ['detector-1', 'maker-1', 'meter-1', 'meter-2', 'meter-3']],
    ['?area=520303&product=water-meter', []],
  ])('is narrowed by %s', async (query, ids) => {
    const { devices } = await mapOf(admin(), query);
    expect([...devices.id].sort()).toEqual(ids);
  });

  it('is not sent again while nothing of it has changed, though others changed', async () => {
    const get = (etag?: string) =>
      platform.api.call('GET', '/api/v1/map/devices', {
        token: water.tenant.token,
        headers: etag === undefined ? {} : { 'if-none-match': etag },
      });
    let etag = '';
    let enabled = true;
    // What the tests before have set going may still change something of one's own.
    await eventually(async () => {
      const first = await get();
      etag = first.headers.get('etag') ?? '';
      expect([first.status, etag]).toEqual([200, expect.stringMatching(/^W\/".+"$/)]);
      await fire.call('POST', `/devices/maker-1/${enabled ? 'disable' : 'enable'}`);
      enabled = !enabled;
      await fitting(
        () => mapOf(fire),
        (view) => drawn(view)['maker-1']?.startsWith('disabled') === !enabled,
        'a change of another',
      );
      return (await get(etag)).status === 304 || undefined;
    }, 'a map that others alone changed');
    expect((await get('W/"another.17", "x"')).status).toBe(200);
    await water.call('POST', '/devices/meter-3/disable');
    await eventually(async () => ((await get(etag)).status === 200 ? true : undefined), 'a change of its own');
    await water.call('POST', '/devices/meter-3/enable');
  });

  it.each([
    ['gzip, deflate, br', 'gzip'],
    ['gzip;q=0', undefined],
    [undefined, undefined],
  ])('is compressed as %s asks', async (accepted, encoding) => {
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      const asked = request(
        `${platform.api.url}/api/v1/map/devices`,
        {
          headers: {
            authorization: `Bearer ${water.tenant.token}`,
            ...(accepted === undefined ? {} : { 'accept-encoding': accepted }),
          },
        },
        (answer) => {
          answer.resume();
          resolve(answer.headers);
        },
      );
      asked.on('error', reject).end();
    });
    expect(headers['content-encoding']).toBe(encoding);
  });

  it('asks to narrow what is too much', async () => {
    const extra = await Promise.all([5, 6].map((n) => mounted(water, `meter-${n}`, 'water-meter', '520302', 107 + n)));
    const answer = () => platform.api.call<{ code?: string }>('GET', '/api/v1/map/devices');
    const refused = await fitting(answer, ({ status }) => status === 400, 'too many devices');
    expect(refused.body.code).toBe('map_too_large');
    expect((await mapOf(admin(), '?area=520303')).devices.id).toEqual(['detector-1']);
    for (const { id } of extra) await water.call('DELETE', `/devices/${id}`);
    await fitting(answer, ({ status }) => status === 200, 'few enough');
  });

  it('tells live what becomes of devices, and resumes where somebody left', async () => {
    const url = `${platform.api.url}/api/v1/map/stream`;
    const { revision } = await mapOf(water);
    const live = await EventStream.open<Changes>(url, water.tenant.token, { 'last-event-id': revision });
    const changed = (stream: EventStream<Changes>, fits: (device: Changes['devices'][number]) => boolean) =>
      stream.find(({ data }) => (data.devices ?? []).some(fits), 'a change');
    await platform.report(meters[1] as FlowDevice, '{"values":{"flowRate":2}}');
    const online = await changed(live, ({ id, state }) => id === 'meter-2' && state === 'online');
    live.close();
    const { items } = await water.call<{ items: { id: string }[] }>('GET', '/installations?q=meter-3');
    await water.call('PATCH', `/installations/${items[0]?.id}`, { position: { latitude: 27.7, longitude: 107.5 } });
    await water.call('POST', '/devices/meter-2/disable');
    await fitting(
      () => mapOf(water),
      (view) => drawn(view)['meter-2'] === 'disabled -',
      'a change while away',
    );
    const again = await EventStream.open<Changes>(url, water.tenant.token, { 'last-event-id': online.id ?? '' });
    await changed(again, ({ id, state }) => id === 'meter-2' && state === 'disabled');
    await changed(again, ({ id, longitude }) => id === 'meter-3' && longitude === 107.5);
    await water.call('DELETE', '/devices/meter-2');
    await again.find(({ data }) => data.removed?.includes('meter-2') ?? false, 'one that is gone');
    again.close();
    expect(JSON.stringify([live.events, again.events])).not.toMatch(/detector|maker/);
  });

  it('sends whoever comes from another process back to the whole map', async () => {
    const url = `${platform.api.url}/api/v1/map/stream`;
    const stream = await EventStream.open(url, water.tenant.token, { 'last-event-id': 'another1.5' });
    expect((await stream.find(({ event }) => event === 'reset', 'a reset')).id).toBeDefined();
    stream.close();
    const token = water.tenant.token;
    const refused = await platform.api.call('GET', '/api/v1/map/stream', { token, headers: { 'last-event-id': 'x' } });
    expect(refused.status).toBe(400);
  });

  it('ends a stream with its token', async () => {
    const guest = await platform.api.createUser(water.tenant.tenantKey, 'guest', ['operator']);
    const stream = await EventStream.open(`${platform.api.url}/api/v1/map/stream`, guest.token);
    await platform.api.call('DELETE', '/api/v1/sessions/current', { token: guest.token });
    await stream.ended;
  });
});
