import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { type Role, roles } from '#libs/access';
import { describeTenantIsolation, type Route, Routes } from '#libs/access/testing';
import { auditRecords } from '#libs/registry-db';
import { EventStream } from '../platform/event-stream.js';
import { eventually } from '../platform/eventually.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { type FlowPlatform, startFlowPlatform } from './flow-platform.js';
import { playScene, type TenantScene } from './tenant-scene.js';

/** Lists that name nothing of anybody. */
const anonymousLists = [
  'GET /api/v1/areas',
  'GET /api/v1/audit-records/verification',
  'GET /api/v1/discards',
  'GET /api/v1/overview',
];
/** Figures over all tenants, which only who sees every tenant reads. */
const platformOnly = ['GET /api/v1/reconciliation'];
const isStream = (route: Route) => route.path.endsWith('/stream');
const nameOf = (route: Route) => `${route.method} ${route.path}`;

let platform: FlowPlatform;
let desks: WebhookDesk[];
let alder: TenantScene;
let birch: TenantScene;
let routes: Route[];

beforeAll(async () => {
  platform = await startFlowPlatform();
  desks = await Promise.all([WebhookDesk.open(), WebhookDesk.open()]);
  alder = await playScene(platform, 'alder', desks[0] as WebhookDesk);
  birch = await playScene(platform, 'birch', desks[1] as WebhookDesk);
  routes = platform.api.app.get(Routes, { strict: false }).list();
}, 120_000);

afterAll(async () => {
  for (const desk of desks ?? []) desk.stop();
  await platform?.stop();
}, 60_000);

const marksIn = (text: string, scene: TenantScene) => scene.marks.filter((mark) => text.includes(mark));

describe('every route of the platform', () => {
  it('is one that the API description tells of, and says who may use it', () => {
    const described = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, object> };
    const told = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const api = routes.filter(({ path }) => path.startsWith('/api/'));
    expect(api.map(nameOf).sort()).toEqual(told.sort());
    expect(api.filter(({ access }) => access === 'public').map(nameOf)).toEqual(['POST /api/v1/sessions']);
    expect(
      api
        .filter(({ access }) => access === 'authenticated')
        .map(nameOf)
        .sort(),
    ).toEqual(['DELETE /api/v1/sessions/current', 'GET /api/v1/me', 'PUT /api/v1/me/password']);
  });

  it.each([
    ['no token', null],
    ['a token that nobody has', 'x'.repeat(43)],
  ])('refuses who comes with %s', async (_what, token) => {
    const open: string[] = [];
    for (const route of routes.filter(({ access }) => access !== 'public')) {
      const { status } = await platform.api.call(route.method, exampleOf(route), { token });
      if (status !== 401) open.push(`${nameOf(route)}: ${status}`);
    }
    expect(open).toEqual([]);
  });

  it.each(roles)('refuses a %s what the role does not give, and notes it', async (role: Role) => {
    const { api } = platform;
    const user = await api.createUser(alder.owner.tenant.tenantKey, `only-${role}`, [role]);
    const me = await api.call<{ permissions: string[] }>('GET', '/api/v1/me', { token: user.token });
    const held = new Set(me.body.permissions);
    const denied = routes.filter(
      ({ access }) => !['public', 'authenticated'].includes(access ?? '') && !held.has(access ?? ''),
    );
    const open: string[] = [];
    for (const route of denied) {
      const { status } = await api.call(route.method, exampleOf(route), { token: user.token });
      if (status !== 403) open.push(`${nameOf(route)}: ${status}`);
    }
    expect(open).toEqual([]);
    expect(denied.length).toBeGreaterThan(0);
    const noted = await api.database
      .select({ method: auditRecords.method, route: auditRecords.route, status: auditRecords.status })
      .from(auditRecords)
      .where(and(eq(auditRecords.principalKey, user.userKey), eq(auditRecords.outcome, 'denied')));
    const names = noted.map(({ method, route }) => `${method} ${route}`).sort();
    expect(names).toEqual(denied.map(nameOf).sort());
  });
});

describe('lists', () => {
  it("show one's own tenant and nothing of another", async () => {
    const wrong: string[] = [];
    const lists = routes.filter(
      (route) =>
        route.method === 'GET' &&
        !route.path.includes(':') &&
        !isStream(route) &&
        !platformOnly.includes(nameOf(route)),
    );
    for (const [mine, other] of [
      [alder, birch],
      [birch, alder],
    ] as const) {
      const { tenantKey, token } = mine.owner.tenant;
      const auditor = await platform.api.createUser(tenantKey, `${mine.marks[0]}-auditor`, ['auditor']);
      for (const route of lists) {
        if (!route.path.startsWith('/api/')) continue;
        const query = route.path.endsWith('/readings/latest') ? `?device=${mine.meter.id}` : '';
        const { status, body } = await platform.api.call('GET', route.path + query, {
          token: route.access === 'audit:read' ? auditor.token : token,
        });
        const text = JSON.stringify(body);
        if (status !== 200) wrong.push(`${nameOf(route)}: ${status}`);
        if (marksIn(text, other).length > 0) wrong.push(`${nameOf(route)} shows ${marksIn(text, other)}`);
        const named = marksIn(text, mine).length > 0 || anonymousLists.includes(nameOf(route));
        if (!named) wrong.push(`${nameOf(route)} shows nothing of its own`);
      }
    }
    expect(wrong).toEqual([]);
    expect(lists.length).toBeGreaterThan(12);
  });

  it.each(platformOnly)('%s is refused to a tenant, whatever its people are', async (name) => {
    const path = name.split(' ')[1] ?? '';
    const { status, body } = await platform.api.call('GET', path, { token: alder.owner.tenant.token });
    expect([status, body]).toEqual([403, expect.objectContaining({ code: 'all_tenants_required' })]);
    expect((await platform.api.call('GET', path)).status).toBe(200);
  });

  it('count the discards of one tenant only', async () => {
    const { items } = await birch.owner.call<{ items: { count: number }[] }>('GET', '/discards');
    expect(items.map(({ count }) => count)).toEqual([1]);
  });

  it.each([
    ['readings/latest?device={meter}', 404],
    ['devices?q={meter}', 200],
    ['installations?building={name}', 200],
    ['dead-letters?device={meter}', 200],
    ['alerts?device={detector}', 200],
    ['alerts?rule={rule}', 200],
    ['events?endpoint={endpoint}', 404],
    ['readings/stream?device={meter}', 404],
  ])('asked for %s of another answer %d, with nothing in it', async (query, status) => {
    const path = query.replaceAll(/\{(\w+)\}/g, (_, name: string) => thingOf(alder, name));
    const answer = await platform.api.call<{ items?: unknown[] }>('GET', `/api/v1/${path}`, {
      token: birch.owner.tenant.token,
    });
    expect(answer.status).toBe(status);
    expect(answer.body.items ?? []).toEqual([]);
  });
});

describe('a body that names what another tenant owns', () => {
  const device = { id: 'birch-thief', name: 'x', productId: 'water-meter' };
  const install = { name: 'x' };
  const title = { zh: '甲', en: 'A' };
  const definition = { kind: 'threshold', conditions: [{ metric: 'flowRate', operator: '>', value: 0 }] };
  it.each<[string, string, Record<string, unknown>]>([
    ['POST', 'devices', { ...device, installationId: '{installation}' }],
    ['POST', 'devices', { ...device, gatewayId: '{meter}' }],
    ['POST', 'devices', { ...device, productId: '{product}' }],
    ['POST', 'devices', { ...device, tenantId: '{tenant}' }],
    ['PATCH', 'devices/birch-meter', { installationId: '{installation}' }],
    ['PATCH', 'devices/birch-meter', { gatewayId: '{meter}' }],
    ['POST', 'installations', { ...install, tenantId: '{tenant}' }],
    [
      'POST',
      'device-grants',
      { vendorTenantId: '{tenant}', deviceTenantId: '{tenant}', expiresAt: '2099-01-01T00:00:00Z' },
    ],
    ['POST', 'rules', { slug: 'thief', title, severity: 'minor', definition, tenantId: '{tenant}' }],
    ['POST', 'rules', { title, overrides: '{rule}' }],
    ['POST', 'endpoints', { name: 'x', url: 'https://example.com/', tenantId: '{tenant}' }],
    ['POST', 'users', { login: 'thief', name: 'x', roles: [], tenantId: '{tenant}' }],
    ['POST', 'users', { login: 'thief', name: 'x', roles: [], allTenants: true }],
    ['POST', 'api-keys', { name: 'x', roles: ['operator'], allTenants: true }],
    ['POST', 'alerts/{own alert}/assign', { user: '{user}' }],
  ])('%s %s %j is refused', async (method, path, body) => {
    const filled = JSON.parse(
      JSON.stringify(body).replaceAll(/\{(\w+)\}/g, (_, name: string) => thingOf(alder, name)),
    ) as object;
    const own = path.replace('{own alert}', thingOf(birch, 'alert'));
    const answer = await platform.api.call(method, `/api/v1/${own}`, { token: birch.owner.tenant.token, body: filled });
    expect([answer.status, answer.body]).toEqual([
      expect.any(Number),
      expect.objectContaining({ code: expect.any(String) }),
    ]);
    expect([400, 403, 404]).toContain(answer.status);
  });

  it('registers nothing in a batch either', async () => {
    const devices = [{ ...device, installationId: thingOf(alder, 'installation') }];
    const { results } = await birch.owner.call<{ results: { outcome: string }[] }>('POST', '/devices/batch', {
      devices,
    });
    expect(results.map(({ outcome }) => outcome)).toEqual(['invalid']);
  });

  it('replays none of its dead letters', async () => {
    const body = { device: alder.meter.id };
    expect(await birch.owner.call('POST', '/dead-letters/replay', body)).toEqual({ replayed: 0, more: false });
  });

  it('has a rule judge its own devices only', async () => {
    const scope = { deviceIds: [alder.meter.id, birch.meter.id] };
    const { id } = await birch.owner.call('POST', '/rules', {
      slug: 'watch',
      title,
      severity: 'minor',
      scope,
      definition,
    });
    await eventually(async () => {
      await platform.report(alder.meter, '{"values":{"flowRate":5}}');
      await platform.report(birch.meter, '{"values":{"flowRate":5}}');
      const { items } = await birch.owner.call<{ items: unknown[] }>('GET', `/alerts?rule=${id}`);
      return items[0];
    }, 'an alert of the rule');
    const everybody = await platform.api.call<{ items: { device: { id: string } }[] }>(
      'GET',
      `/api/v1/alerts?rule=${id}`,
    );
    expect(everybody.body.items.map((alert) => alert.device.id)).toEqual([birch.meter.id]);
  });
});

describe('what goes out by itself', () => {
  it("is shown live to one's own tenant only, from the past too", async () => {
    const { token } = birch.owner.tenant;
    const readings = await EventStream.open(`${platform.api.url}/api/v1/readings/stream`, token);
    const alerts = await EventStream.open(`${platform.api.url}/api/v1/alerts/stream`, token, { 'last-event-id': '0' });
    await platform.report(alder.meter, '{"values":{"flowRate":21}}');
    await platform.report(alder.detector, '{"values":{"fault":true}}');
    await alder.owner.first('/alerts?severity=major');
    await platform.report(birch.meter, '{"values":{"flowRate":22}}');
    await platform.report(birch.detector, '{"values":{"fault":true}}');
    await readings.find(({ data }) => JSON.stringify(data).includes('"value":22'), 'its reading');
    await alerts.find(({ data }) => JSON.stringify(data).includes('"major"'), 'its alert');
    const seen = JSON.stringify([readings.events, alerts.events]);
    readings.close();
    alerts.close();
    expect(marksIn(seen, alder)).toEqual([]);
  });

  it("goes to one's own webhooks only", async () => {
    const [ofAlder, ofBirch] = desks.map((desk) => JSON.stringify(desk.received));
    expect(marksIn(ofAlder ?? '', birch)).toEqual([]);
    expect(marksIn(ofBirch ?? '', alder)).toEqual([]);
    expect(marksIn(ofAlder ?? '', alder).length).toBeGreaterThan(0);
    expect(marksIn(ofBirch ?? '', birch).length).toBeGreaterThan(0);
  });
});

describeTenantIsolation('the whole platform', async () => ({
  api: { ...platform.api, stop: async () => {} },
  owned: alder.owned,
  bodies: alder.bodies,
  queries: { 'GET /api/v1/devices/:id/series': '?metric=flowRate' },
}));

describe('after all that', () => {
  it('everything is still there for its owner', async () => {
    const { owner } = alder;
    const gone: string[] = [];
    for (const [path, ids] of Object.entries(alder.owned)) {
      const readable = routes.some((route) => route.method === 'GET' && route.path === path);
      const filled = path.replaceAll(/:(\w+)/g, (_, param: string) => ids[param] ?? '').replace('/api/v1', '');
      if (
        readable &&
        (await owner.status('GET', `${filled}?${path.endsWith('/series') ? 'metric=flowRate' : ''}`)) !== 200
      )
        gone.push(path);
    }
    expect(gone).toEqual([]);
    expect(await owner.status('DELETE', `/device-grants/${thingOf(alder, 'grant')}`)).toBe(204);
    const { tenantKey } = owner.tenant;
    const target = alder.owned['/api/v1/tenants/:tenantId/webhook-targets/:id']?.id;
    const path = `/api/v1/tenants/${tenantKey}/webhook-targets/${target}`;
    expect((await platform.api.call('DELETE', path)).status).toBe(204);
  });
});

/** A path of the route with ids that fit no thing. */
function exampleOf(route: Route): string {
  return route.path.replaceAll(/:\w+/g, '019a0000-0000-7000-8000-000000000000');
}

/** The id of a thing that the scene has. */
function thingOf(scene: TenantScene, name: string): string {
  const { tenantKey } = scene.owner.tenant;
  const simple: Record<string, string> = {
    tenant: tenantKey,
    name: scene.marks[0] ?? '',
    meter: scene.meter.id,
    detector: scene.detector.id,
    grant: scene.owned['/api/v1/device-grants/:id']?.id ?? '',
  };
  const found = simple[name] ?? scene.owned[`/api/v1/${name}s/:id`]?.id;
  if (!found) throw new Error(`the scene has no ${name}`);
  return found;
}
