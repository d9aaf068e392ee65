import type { TestApi } from '#libs/access/testing';
import { eventually } from '../platform/eventually.js';
import type { WebhookDesk } from '../platform/webhook-desk.js';
import { type FlowDevice, type FlowPlatform, manyRoles, TenantClient } from './flow-platform.js';

/** A tenant that owns one of everything, and what it is called. */
export interface TenantScene {
  owner: TenantClient;
  meter: FlowDevice;
  detector: FlowDevice;
  /** Its ids by route path, for every route that has ids. */
  owned: Record<string, Record<string, string>>;
  /** Bodies that pass validation, for the routes that need one. */
  bodies: Record<string, unknown>;
  /** Words that no other tenant may ever read: ids and names of this tenant alone. */
  marks: string[];
}

const version = {
  thingModel: { properties: [], events: [], commands: [] },
  decoder: { kind: 'json' },
  expectedIntervalMs: 60_000,
};
const rule = {
  title: { zh: '水温过低', en: 'Water too cold' },
  severity: 'minor',
  definition: {
    kind: 'threshold',
    conditions: [{ metric: 'water.temperature.current', operator: '<', value: 2 }],
  },
};

/** Makes a tenant with one of everything, the way its people and devices would: over REST and from reports. */
export async function playScene({ api, report }: FlowPlatform, name: string, desk: WebhookDesk): Promise<TenantScene> {
  const owner = new TenantClient(api, await api.createTenant(name, manyRoles));
  const position = { latitude: 27.7, longitude: 106.9 };
  const tower = { name: `${name}-tower`, building: name, position };
  const { id: installation } = await owner.call('POST', '/installations', tower);
  const meter = await owner.register(`${name}-meter`, 'water-meter', { installationId: installation });
  const detector = await owner.register(`${name}-detector`, 'fire-detector', { installationId: installation });
  const product = `${name}-product`;
  await owner.call('POST', '/products', { id: product, name: { zh: '表', en: name }, domain: 'water', ...version });
  const { id: user } = await owner.call('POST', '/users', { login: `${name}-user`, name: `${name}-user`, roles: [] });
  const { id: key } = await owner.call('POST', '/api-keys', { name: `${name}-key`, roles: ['operator'] });
  const { id: grant } = await owner.call('POST', '/device-grants', {
    vendorTenantId: owner.tenant.tenantKey,
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const { id: ownRule } = await owner.call('POST', '/rules', { slug: `${name}-rule`, ...rule });
  const { id: endpoint } = await owner.call('POST', '/endpoints', { name: `${name}-desk`, url: desk.url });
  const target = await allowTarget(api, owner.tenant.tenantKey);
  const { id: command } = await owner.call('POST', `/devices/${meter.id}/commands`, { command: 'readNow' });
  await report(meter, '{"values":{"flowRate":12}}');
  await report(meter, 'not JSON');
  await report(detector, '{"values":{"fire":true}}');
  const [frame, letter, alert, delivery] = await Promise.all([
    owner.first<{ messageId: string }>(`/devices/${meter.id}/frames`),
    owner.first<{ id: string }>(`/dead-letters?device=${meter.id}`),
    owner.first<{ id: string }>(`/alerts?device=${detector.id}`),
    owner.first<{ id: string; status: string }>(`/endpoints/${endpoint}/deliveries`, (d) => d.status === 'delivered'),
  ]);
  await eventually(async () => {
    const { readings } = await owner.call<{ readings: unknown[] }>('GET', `/devices/${meter.id}/readings/latest`);
    return readings[0];
  }, 'a reading');
  const { tenantKey } = owner.tenant;
  return {
    owner,
    meter,
    detector,
    owned: {
      ...ofDevices(meter.id, frame.messageId, command),
      ...ofPeople({ user, key, tenantKey, target }),
      ...under('/api/v1/products/:id', ['', '/versions', '/decode'], { id: product }),
      ...under('/api/v1/products/:id/versions/:version', ['', '/publish'], { id: product, version: '1' }),
      '/api/v1/installations/:id': { id: installation },
      '/api/v1/device-grants/:id': { id: grant },
      '/api/v1/rules/:id': { id: ownRule },
      ...under('/api/v1/alerts/:id', ['', '/acknowledge', '/clear', '/comments', '/assign', '/assignees'], {
        id: alert.id,
      }),
      ...under('/api/v1/endpoints/:id', ['', '/secret', '/test', '/deliveries', '/replay'], { id: endpoint }),
      ...under('/api/v1/deliveries/:id', ['', '/replay'], { id: delivery.id }),
      ...under('/api/v1/dead-letters/:id', ['', '/replay'], { id: letter.id }),
    },
    bodies: bodiesWith(user),
    marks: [
      name,
      tenantKey,
      user,
      key,
      installation,
      grant,
      ownRule,
      alert.id,
      endpoint,
      delivery.id,
      letter.id,
      command,
    ],
  };
}

/** Only who runs the platform lets a tenant reach a private network. */
async function allowTarget(api: TestApi, tenantKey: string): Promise<string> {
  const path = `/api/v1/tenants/${tenantKey}/webhook-targets`;
  const { body } = await api.call<{ id: string }>('POST', path, { body: { cidr: '10.0.0.0/8', port: 80 } });
  return body.id;
}

type Owned = TenantScene['owned'];

function under(base: string, tails: readonly string[], ids: Record<string, string>): Owned {
  return Object.fromEntries(tails.map((tail) => [base + tail, ids]));
}

function ofDevices(id: string, messageId: string, command: string): Owned {
  const tails = [
    '',
    '/disable',
    '/enable',
    '/secret',
    '/readings/latest',
    '/readings',
    '/frames',
    '/series',
    '/commands',
  ];
  return {
    ...under('/api/v1/devices/:id', tails, { id }),
    '/api/v1/devices/:id/frames/:messageId': { id, messageId },
    '/api/v1/messages/:id/trace': { id: messageId },
    '/api/v1/devices/:id/commands/:command': { id, command },
  };
}

function ofPeople({ user, key, tenantKey, target }: Record<'user' | 'key' | 'tenantKey' | 'target', string>): Owned {
  return {
    ...under('/api/v1/users/:id', ['', '/password'], { id: user }),
    '/api/v1/api-keys/:id': { id: key },
    '/api/v1/tenants/:id': { id: tenantKey },
    '/api/v1/tenants/:tenantId/webhook-targets': { tenantId: tenantKey },
    '/api/v1/tenants/:tenantId/webhook-targets/:id': { tenantId: tenantKey, id: target },
  };
}

function bodiesWith(user: string): Record<string, unknown> {
  return {
    'PATCH /api/v1/tenants/:id': { name: 'x' },
    'POST /api/v1/products/:id/versions': version,
    'PUT /api/v1/products/:id/versions/:version': version,
    'POST /api/v1/products/:id/decode': { text: '{}' },
    'POST /api/v1/devices/:id/commands': { command: 'readNow' },
    'POST /api/v1/alerts/:id/clear': { reason: 'x' },
    'POST /api/v1/alerts/:id/comments': { text: 'x' },
    'POST /api/v1/alerts/:id/assign': { user },
    'POST /api/v1/endpoints/:id/replay': { from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z' },
    'POST /api/v1/tenants/:tenantId/webhook-targets': { cidr: '10.1.0.0/16', port: 80 },
  };
}
