import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 } from 'uuid';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { encodeNotifications } from '#libs/contracts';
import { notifications } from '#libs/registry-db';
import { StreamModule } from '#libs/stream';
import { NotifierApiModule, NotifierStageModule } from './index.js';
import { NotifierStage } from './notifier.stage.js';
import { answer, notificationOf, startReceiver, type TestReceiver } from './testing/index.js';
import { verify } from './webhook/standard-webhooks.js';

interface Endpoint {
  id: string;
  secret: string;
  status: string;
  statusReason: string;
  health: string;
  revision: number;
  events: { kind: string }[];
  [key: string]: unknown;
}

interface Delivery {
  id: string;
  status: string;
  eventId: string;
  sequence: number;
  attemptLog: { status: number | null; error: string; answer: string }[];
}

let api: TestApi;
let fire: TestTenant;
let water: TestTenant;
let receiver: TestReceiver;

beforeAll(async () => {
  api = await startTestApi([StreamModule, NotifierStageModule, NotifierApiModule], {
    environment: { NOTIFIER_ALLOW_LOOPBACK: 'true', NOTIFIER_POLL_MS: '20' },
  });
  fire = await api.createTenant('fire');
  water = await api.createTenant('water');
  receiver = await startReceiver();
}, 60_000);

afterAll(async () => {
  await api.stop();
  await receiver.stop();
});

beforeEach(() => {
  receiver.received.length = 0;
  receiver.behave(answer(200, {}, 'thanks'));
});

async function create(body: Record<string, unknown> = {}, token = fire.token): Promise<Endpoint> {
  const created = await api.call<Endpoint>('POST', '/api/v1/endpoints', {
    token,
    body: { name: '消防', url: receiver.url, ...body },
  });
  expect([created.status, created.body]).toMatchObject([201, { name: '消防' }]);
  return created.body;
}

async function notify(count: number): Promise<void> {
  const made = Array.from({ length: count }, () => notificationOf(fire.tenantKey, v7()));
  await api.app.get(NotifierStage).handle({
    source: { stream: 'notifications', group: 'notifier', lane: 'urgent', partition: 0 },
    entries: [{ position: 1, appendedAt: Date.now(), messagesBefore: 0, data: encodeNotifications(made) }],
  });
}

async function deliveries(id: string, query = ''): Promise<Delivery[]> {
  const listed = await api.call<{ items: Delivery[] }>('GET', `/api/v1/endpoints/${id}/deliveries${query}`, {
    token: fire.token,
  });
  expect(listed.status).toBe(200);
  return listed.body.items;
}

async function ended(id: string): Promise<Delivery> {
  for (let n = 0; n < 500; n++) {
    const { body } = await api.call<Delivery>('GET', `/api/v1/deliveries/${id}`, { token: fire.token });
    if (body.status !== 'pending') return body;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the delivery did not end');
}

const remove = (id: string) => api.call('DELETE', `/api/v1/endpoints/${id}`, { token: fire.token });

describe('endpoints over REST', () => {
  it('are created with a secret shown once, changed, rotated and removed', async () => {
    const made = await create();
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const path = `/api/v1/endpoints/${made.id}`;
    const read = await api.call<Endpoint>('GET', path, { token: fire.token });
    expect(read.body).toMatchObject({ status: 'active', health: 'unknown', events: [], pendingDeliveries: 0 });
    expect(JSON.stringify(read.body)).not.toContain('whsec_');
    const changed = await api.call<Endpoint>('PATCH', path, {
      token: fire.token,
      headers: { 'if-match': '"1"' },
      body: { severities: ['critical'], enabled: false },
    });
    expect(changed.body).toMatchObject({
      severities: ['critical'],
      status: 'disabled',
      statusReason: 'switched off',
      revision: 2,
    });
    const stale = await api.call('PATCH', path, {
      token: fire.token,
      headers: { 'if-match': '"1"' },
      body: { name: 'x' },
    });
    expect(stale.status).toBe(412);
    const enabled = await api.call<Endpoint>('PATCH', path, { token: fire.token, body: { enabled: true } });
    expect(enabled.body).toMatchObject({ status: 'active', statusReason: '' });
    const rotated = await api.call<Endpoint>('POST', `${path}/secret`, { token: fire.token });
    expect(rotated.body.secret).not.toBe(made.secret);
    expect(rotated.body).toHaveProperty('previousSecretUntil');
    expect((await api.call<Endpoint>('GET', path, { token: fire.token })).body.events.map(({ kind }) => kind)).toEqual([
      'enabled',
      'disabled',
    ]);
    expect((await remove(made.id)).status).toBe(204);
    expect((await api.call('GET', path, { token: fire.token })).status).toBe(404);
  });

  it.each([
    ['http://169.254.169.254/latest/', 'address_forbidden'],
    ['http://0xa9fea9fe/', 'address_forbidden'],
    ['https://10.1.2.3/', 'address_not_allowed'],
    ['http://8.8.8.8/', 'https_required'],
    ['ftp://example.cn/', 'url_scheme'],
    ['https://a:b@example.cn/', 'url_credentials'],
    ['nonsense', 'url_malformed'],
  ])('the URL %s is refused: %s', async (url, reason) => {
    const refused = await api.call('POST', '/api/v1/endpoints', { token: fire.token, body: { name: 'x', url } });
    expect([refused.status, refused.body]).toMatchObject([400, { code: 'url_refused', reason }]);
  });

  it.each([
    { url: 'https://example.cn/' },
    { name: 'x' },
    { name: 'x', url: 'https://example.cn/', secret: 'mine' },
    { name: 'x', url: 'https://example.cn/', eventTypes: ['nonsense'] },
  ])('the body %j is refused', async (body) => {
    expect((await api.call('POST', '/api/v1/endpoints', { token: fire.token, body })).status).toBe(400);
  });

  it('null is the same as leaving a field out; a tenant that is not there is told', async () => {
    const made = await create();
    const nulls = { name: null, url: null, eventTypes: null, enabled: null };
    const same = await api.call('PATCH', `/api/v1/endpoints/${made.id}`, { token: fire.token, body: nulls });
    expect([same.status, same.body]).toMatchObject([200, { name: '消防', url: receiver.url, status: 'active' }]);
    await remove(made.id);
    const body = { name: 'x', url: receiver.url, tenantId: v7() };
    expect((await api.call('POST', '/api/v1/endpoints', { body })).status).toBe(404);
  });

  it('a test event is delivered, signed, and seen in the log', async () => {
    const made = await create();
    const test = await api.call<Delivery>('POST', `/api/v1/endpoints/${made.id}/test`, { token: fire.token });
    expect(test.status).toBe(202);
    expect(await ended(test.body.id)).toMatchObject({
      status: 'delivered',
      attemptLog: [{ status: 200, error: '', answer: 'thanks' }],
    });
    const [got] = receiver.received;
    expect(got?.event.type).toBe('cn.citysense.endpoint.test');
    expect(verify(made.secret, got?.headers as never, got?.body ?? '', Date.now())).toBe(true);
    expect((await api.call<Endpoint>('GET', `/api/v1/endpoints/${made.id}`, { token: fire.token })).body.health).toBe(
      'healthy',
    );
    await remove(made.id);
  });

  it('the handshake comes before anything else', async () => {
    const willing = await startReceiver(answer(200, { 'webhook-allowed-origin': 'citysense' }));
    const silent = await startReceiver(answer(200));
    const yes = await create({ url: willing.url, validationHandshake: true });
    const no = await create({ url: silent.url, validationHandshake: true });
    expect(yes.status).toBe('validating');
    const settled = async (id: string): Promise<Endpoint> => {
      for (let n = 0; n < 500; n++) {
        const { body } = await api.call<Endpoint>('GET', `/api/v1/endpoints/${id}`, { token: fire.token });
        if (body.status !== 'validating') return body;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error('the handshake did not end');
    };
    expect(await settled(yes.id)).toMatchObject({ status: 'active' });
    expect(await settled(no.id)).toMatchObject({
      status: 'disabled',
      statusReason: 'validation failed: OPTIONS was answered without WebHook-Allowed-Origin',
    });
    expect(willing.received[0]).toMatchObject({
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'citysense' },
    });
    await remove(yes.id);
    await remove(no.id);
    await willing.stop();
    await silent.stop();
  });
});

describe('deliveries over REST', () => {
  it('are listed, replayed one by one and by time, and reconciled', async () => {
    const made = await create();
    const begun = new Date(Date.now() - 1_000).toISOString();
    await notify(3);
    for (const { id } of await deliveries(made.id)) await ended(id);
    const all = await deliveries(made.id);
    expect(all.map(({ sequence, status }) => [sequence, status])).toEqual([
      [3, 'delivered'],
      [2, 'delivered'],
      [1, 'delivered'],
    ]);
    const first = await api.call<{ items: Delivery[]; nextCursor: string }>(
      'GET',
      `/api/v1/endpoints/${made.id}/deliveries?limit=2`,
      { token: fire.token },
    );
    const rest = await deliveries(made.id, `?limit=2&cursor=${first.body.nextCursor}`);
    expect(rest.map(({ sequence }) => sequence)).toEqual([1]);

    const oldest = all.at(-1) as Delivery;
    receiver.received.length = 0;
    const replayed = await api.call<Delivery>('POST', `/api/v1/deliveries/${oldest.id}/replay`, { token: fire.token });
    expect(replayed.status).toBe(202);
    await ended(oldest.id);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([oldest.eventId]);

    receiver.received.length = 0;
    const range = { from: begun, to: new Date(Date.now() + 1_000).toISOString() };
    const none = await api.call('POST', `/api/v1/endpoints/${made.id}/replay`, { token: fire.token, body: range });
    expect(none.body).toEqual({ replayed: 0, more: false });
    const some = await api.call('POST', `/api/v1/endpoints/${made.id}/replay`, {
      token: fire.token,
      body: { ...range, include: 'all' },
    });
    expect([some.status, some.body]).toEqual([202, { replayed: 3, more: false }]);
    await receiver.got(3);

    const events = await api.call<{ items: { sequence: number; event: { sequence: string } }[]; next: number }>(
      'GET',
      `/api/v1/events?endpoint=${made.id}&after=1`,
      { token: fire.token },
    );
    expect(events.body.items.map(({ sequence, event }) => [sequence, event.sequence])).toEqual([
      [2, '2'],
      [3, '3'],
    ]);
    expect(events.body.next).toBe(3);
    await remove(made.id);
  });

  it('a delivery that is still being tried is not replayed', async () => {
    receiver.behave(answer(500));
    const made = await create();
    await notify(1);
    const [one] = await deliveries(made.id);
    const answered = await api.call('POST', `/api/v1/deliveries/${one?.id}/replay`, { token: fire.token });
    expect([answered.status, answered.body]).toMatchObject([409, { code: 'delivery_pending' }]);
    await remove(made.id);
  });

  it.each(['after=1e300', 'after=x', 'limit=0', 'endpoint=x', 'colour=red'])('events?%s is a 400', async (query) => {
    expect((await api.call('GET', `/api/v1/events?${query}`, { token: fire.token })).status).toBe(400);
  });

  it('events of the platform are those of one’s tenant, in order', async () => {
    const rows = [fire, water, fire].map(({ tenantKey }, index) => {
      const { id, alertKey, type, body } = notificationOf(tenantKey, v7());
      return { sequence: 100 + index, id, tenantKey, alertKey, lane: 'urgent' as const, type, at: new Date(), body };
    });
    await api.database.insert(notifications).values(rows);
    const page = async (token: string, query: string) =>
      (await api.call<{ items: { sequence: number }[]; next: number }>('GET', `/api/v1/events${query}`, { token }))
        .body;
    expect((await page(fire.token, '')).items.map(({ sequence }) => sequence)).toEqual([100, 102]);
    expect((await page(fire.token, '?after=100&limit=1')).next).toBe(102);
    expect(await page(fire.token, '?after=102')).toEqual({ items: [], next: 102 });
    expect((await page(water.token, '')).items.map(({ sequence }) => sequence)).toEqual([101]);
    expect((await api.call('GET', '/api/v1/events?after=-1', { token: fire.token })).status).toBe(400);
  });
});

describe('targets that are not public', () => {
  it('are allowed by system administrators of every tenant, per tenant', async () => {
    const path = `/api/v1/tenants/${fire.tenantKey}/webhook-targets`;
    expect((await api.call('POST', path, { token: fire.token, body: { cidr: '10.0.0.0/8', port: 80 } })).status).toBe(
      403,
    );
    const allowed = await api.call<{ id: string; cidr: string }>('POST', path, {
      body: { cidr: '10.20.3.4/16', port: 8080, note: 'city management' },
    });
    expect([allowed.status, allowed.body]).toMatchObject([201, { cidr: '10.20.0.0/16', port: 8080 }]);
    expect((await api.call('POST', path, { body: { cidr: '10.20.0.0/16', port: 8080 } })).status).toBe(409);
    for (const cidr of ['169.254.0.0/16', '127.0.0.0/8', 'fe80::/10', '0.0.0.0/0', 'nonsense']) {
      expect((await api.call('POST', path, { body: { cidr, port: 80 } })).status).toBe(400);
    }
    const body = { name: 'x', url: 'http://10.20.1.1:8080/hook' };
    const made = await api.call<Endpoint>('POST', '/api/v1/endpoints', { token: fire.token, body });
    expect(made.status).toBe(201);
    expect((await api.call('POST', '/api/v1/endpoints', { token: water.token, body })).status).toBe(400);
    await remove(made.body.id);
    expect((await api.call('DELETE', `${path}/${allowed.body.id}`)).status).toBe(204);
    expect((await api.call('POST', '/api/v1/endpoints', { token: fire.token, body })).status).toBe(400);
    expect((await api.call('GET', `/api/v1/tenants/${v7()}/webhook-targets`)).status).toBe(404);
  });

  it('are seen by its own system administrators, and neither allowed nor withdrawn by them', async () => {
    const path = `/api/v1/tenants/${fire.tenantKey}/webhook-targets`;
    const body = { cidr: '10.0.0.0/8', port: 8086 };
    const { token } = await api.createUser(fire.tenantKey, 'system.fire', ['system_administrator']);
    const added = await api.call<{ code: string }>('POST', path, { token, body });
    expect([added.status, added.body.code]).toEqual([403, 'platform_only']);
    const allowed = await api.call<{ id: string }>('POST', path, { body });
    const seen = await api.call<{ items: { id: string }[] }>('GET', path, { token });
    expect(seen.body.items.map(({ id }) => id)).toEqual([allowed.body.id]);
    const removed = await api.call<{ code: string }>('DELETE', `${path}/${allowed.body.id}`, { token });
    expect([removed.status, removed.body.code]).toEqual([403, 'platform_only']);
    expect((await api.call('DELETE', `${path}/${allowed.body.id}`)).status).toBe(204);
  });
});

describe('another tenant', () => {
  it('finds nothing', async () => {
    receiver.behave(answer(500));
    const made = await create();
    await notify(1);
    const [one] = await deliveries(made.id);
    const endpoint = `/api/v1/endpoints/${made.id}`;
    const range = { from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z' };
    for (const [method, path, body] of [
      ['GET', endpoint, undefined],
      ['PATCH', endpoint, { name: 'mine' }],
      ['DELETE', endpoint, undefined],
      ['POST', `${endpoint}/secret`, undefined],
      ['POST', `${endpoint}/test`, undefined],
      ['GET', `${endpoint}/deliveries`, undefined],
      ['POST', `${endpoint}/replay`, range],
      ['GET', `/api/v1/deliveries/${one?.id}`, undefined],
      ['POST', `/api/v1/deliveries/${one?.id}/replay`, undefined],
      ['GET', `/api/v1/events?endpoint=${made.id}`, undefined],
    ] as const) {
      expect([path, (await api.call(method, path, { token: water.token, body })).status]).toEqual([path, 404]);
    }
    const intruder = await api.createTenant('intruders', ['system_administrator']);
    const list = `/api/v1/tenants/${fire.tenantKey}/webhook-targets`;
    const network = { cidr: '10.0.0.0/8', port: 80 };
    expect((await api.call('GET', list, { token: intruder.token })).status).toBe(404);
    expect((await api.call('POST', list, { token: intruder.token, body: network })).status).toBe(404);
    expect((await api.call('DELETE', `${list}/${v7()}`, { token: intruder.token })).status).toBe(404);
    const foreign = { name: 'x', url: receiver.url, tenantId: fire.tenantKey };
    expect((await api.call('POST', '/api/v1/endpoints', { token: water.token, body: foreign })).status).toBe(404);
    expect(
      (await api.call<{ items: unknown[] }>('GET', '/api/v1/endpoints', { token: water.token })).body.items,
    ).toEqual([]);
    await remove(made.id);
  });
});
