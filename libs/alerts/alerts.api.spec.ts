import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 } from 'uuid';
import { leaveEarly, startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { encodeTransitions, type Transition } from '#libs/contracts';
import { seedDevices } from '#libs/devices/testing';
import { rules } from '#libs/registry-db';
import { StreamModule } from '#libs/stream';
import { AlertsStage } from './alerts.stage.js';
import { AlertsApiModule, AlertsStageModule } from './index.js';

interface Alert {
  id: string;
  status: string;
  revision: number;
  timeline: { kind: string; by: string | null; detail: Record<string, unknown> }[];
  [key: string]: unknown;
}

let api: TestApi;
let water: TestTenant;
let fire: TestTenant;
let detector: { key: string; id: string };
const ruleKey = v7();
let position = 0;

beforeAll(async () => {
  api = await startTestApi([StreamModule, AlertsStageModule, AlertsApiModule], {
    environment: { ALERTS_RELAY_POLL_MS: '20' },
  });
  fire = await api.createTenant('fire');
  water = await api.createTenant('water');
  const seeded = await seedDevices(api.database, {
    tenantId: 'fire',
    product: 'fire-detector',
    count: 2,
    building: 'library',
    areaCode: '520302',
  });
  detector = seeded.devices[0] as { key: string; id: string };
  await api.database.insert(rules).values({
    key: ruleKey,
    slug: 'smoke',
    titleZh: '烟雾报警',
    titleEn: 'Smoke alarm',
    severity: 'critical',
    enabled: true,
    scope: {},
    definition: {},
  });
}, 60_000);

afterAll(async () => {
  await api.stop();
});

async function raise(change: Partial<Transition> = {}): Promise<string> {
  const now = Date.now();
  const transition: Transition = {
    id: v7(),
    kind: 'raised',
    tenantKey: fire.tenantKey,
    ruleKey,
    ruleRevision: 1,
    deviceKey: detector.key,
    subject: v7(),
    severity: 'critical',
    observedAt: now,
    judgedAt: now,
    messageId: '',
    evidence: {},
    ...change,
  };
  await api.app.get(AlertsStage).handle({
    source: { stream: 'transitions', group: 'alerts', lane: 'urgent', partition: 0 },
    entries: [{ position: ++position, appendedAt: now, messagesBefore: 0, data: encodeTransitions([transition]) }],
  });
  const listed = await api.call<{ items: Alert[] }>('GET', '/api/v1/alerts?limit=500');
  return listed.body.items.find((alert) => alert.subject === transition.subject)?.id ?? '';
}

describe('alerts over REST', () => {
  it.each([
    ['the product', 'product=fire-detector', 'product=water-meter'],
    ['the domain', 'domain=fire', 'domain=water'],
    ['the area', 'area=520302', 'area=520303'],
    ['the beginning of the area', 'area=5203', 'area=5101'],
  ])('are listed by %s of the device that raised them', async (_what, matching, other) => {
    const id = await raise();
    const idsOf = async (query: string) => {
      const { body } = await api.call<{ items: Alert[] }>('GET', `/api/v1/alerts?limit=500&${query}`, {
        token: fire.token,
      });
      return body.items.map((alert) => alert.id);
    };
    expect(await idsOf(matching)).toContain(id);
    expect(await idsOf(other)).toEqual([]);
  });

  it('says what is wrong with an area', async () => {
    const answer = await api.call('GET', '/api/v1/alerts?area=downtown', { token: fire.token });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'area' }] } });
  });

  it('is taken, discussed, given, and closed, with everybody by name', async () => {
    const id = await raise();
    const as = { token: fire.token };
    const path = `/api/v1/alerts/${id}`;
    const read = await api.call<Alert>('GET', path, as);
    expect(read.status).toBe(200);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(read.body).toMatchObject({ status: 'open', titles: { en: 'Smoke alarm' }, device: { id: detector.id } });
    await api.call('POST', `${path}/acknowledge`, as);
    const again = await api.call<Alert>('POST', `${path}/acknowledge`, as);
    expect([again.status, again.body.revision]).toEqual([200, 2]);
    await api.call('POST', `${path}/comments`, { ...as, body: { text: '在路上 (on my way)' } });
    const offered = await api.call<{ items: { id: string; name: string }[] }>('GET', `${path}/assignees`, as);
    expect(offered.body.items).toEqual([{ id: fire.userKey, name: fire.login }]);
    await api.call('POST', `${path}/assign`, { ...as, body: { user: fire.userKey } });
    const cleared = await api.call<Alert>('POST', `${path}/clear`, { ...as, body: { reason: 'cooking' } });
    expect(cleared.body.timeline.map(({ kind, by }) => [kind, by])).toEqual([
      ['raised', null],
      ['acknowledged', fire.login],
      ['commented', fire.login],
      ['assigned', fire.login],
      ['cleared', fire.login],
    ]);
    expect(cleared.body).toMatchObject({
      status: 'cleared',
      clearReason: 'cooking',
      clearedKind: 'person',
      assignee: { id: fire.userKey },
    });
    const late = await api.call('POST', `${path}/acknowledge`, as);
    expect([late.status, late.body]).toMatchObject([409, { code: 'alert_cleared' }]);
  });

  it('acts only on the revision that was read', async () => {
    const path = `/api/v1/alerts/${await raise()}/acknowledge`;
    const stale = await api.call('POST', path, { token: fire.token, headers: { 'if-match': '"7"' } });
    expect(stale.status).toBe(412);
    const fresh = await api.call('POST', path, { token: fire.token, headers: { 'if-match': '"1"' } });
    expect(fresh.status).toBe(200);
  });

  it('lists by filter, page by page', async () => {
    const subjects = ['a', 'b', 'c'];
    for (const subject of subjects) await raise({ subject: `list-${subject}`, severity: 'info' });
    const first = await api.call<{ items: Alert[]; nextCursor: string }>(
      'GET',
      '/api/v1/alerts?severity=info&limit=2',
      { token: fire.token },
    );
    expect(first.body.items.map(({ subject }) => subject)).toEqual(['list-c', 'list-b']);
    const rest = await api.call<{ items: Alert[]; nextCursor: string | null }>(
      'GET',
      `/api/v1/alerts?severity=info&limit=2&cursor=${first.body.nextCursor}`,
      { token: fire.token },
    );
    expect([rest.body.items.map(({ subject }) => subject), rest.body.nextCursor]).toEqual([['list-a'], null]);
    const count = async (query: string) =>
      (await api.call<{ items: Alert[] }>('GET', `/api/v1/alerts?limit=500&${query}`, { token: fire.token })).body.items
        .length;
    const all = await count('');
    expect(await count(`device=${detector.id.toUpperCase()}`)).toBe(all);
    expect(await count('device=nobody')).toBe(0);
    expect(await count(`rule=${ruleKey}`)).toBe(all);
    expect((await count('status=open')) + (await count('status=acknowledged,cleared'))).toBe(all);
    expect(await count(`assignee=${fire.userKey}`)).toBe(1);
    expect(await count('from=2099-01-01T00:00:00Z')).toBe(0);
    expect(await count('to=2099-01-01T00:00:00Z&from=2000-01-01T00:00:00Z')).toBe(all);
  });

  it.each([
    ['GET', '?status=closed'],
    ['GET', '?from=yesterday'],
    ['GET', '?from=2026-W47'],
    ['GET', '?device=%00'],
    ['GET', '?cursor=nonsense'],
    ['GET', `?cursor=${Buffer.from('["x"]').toString('base64url')}`],
    ['GET', '?colour=red'],
  ])('%s /alerts%s is a 400', async (method, query) => {
    expect((await api.call(method, `/api/v1/alerts${query}`, { token: fire.token })).status).toBe(400);
  });

  it('bodies are checked', async () => {
    const path = `/api/v1/alerts/${await raise()}`;
    for (const [action, body] of [
      ['clear', {}],
      ['clear', { reason: '' }],
      ['clear', { reason: 'x', force: true }],
      ['comments', { text: 'x'.repeat(2_001) }],
      ['assign', { user: 'somebody' }],
      ['assign', {}],
    ] as const) {
      expect((await api.call('POST', `${path}/${action}`, { token: fire.token, body })).status).toBe(400);
    }
  });

  it('nobody sees, or is given, what is another tenant’s', async () => {
    const id = await raise();
    const path = `/api/v1/alerts/${id}`;
    const listed = await api.call<{ items: Alert[] }>('GET', '/api/v1/alerts', { token: water.token });
    expect(listed.body.items).toEqual([]);
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['GET', '/assignees', undefined],
      ['POST', '/acknowledge', undefined],
      ['POST', '/clear', { reason: 'x' }],
      ['POST', '/comments', { text: 'x' }],
      ['POST', '/assign', { user: null }],
    ] as const) {
      expect((await api.call(method, path + suffix, { token: water.token, body })).status).toBe(404);
    }
    const given = await api.call('POST', `${path}/assign`, { token: fire.token, body: { user: water.userKey } });
    expect([given.status, given.body]).toMatchObject([404, { code: 'user_not_found' }]);
    expect((await api.call('GET', '/api/v1/alerts/not-an-id', { token: fire.token })).status).toBe(404);
  });

  it('an auditor reads no alerts', async () => {
    const auditor = await api.createUser(fire.tenantKey, 'auditor.fire', ['auditor']);
    expect((await api.call('GET', '/api/v1/alerts', { token: auditor.token })).status).toBe(403);
  });
});

describe('the live stream', () => {
  it('tells a tenant its own, in order, and resumes where it was left', async () => {
    const watcher = await watch(fire.token);
    const stranger = await watch(water.token);
    const id = await raise();
    await api.call('POST', `/api/v1/alerts/${id}/acknowledge`, { token: fire.token });
    const events = await watcher.take(2);
    expect(events.map(({ event }) => event)).toEqual(['alert.raised', 'alert.acknowledged']);
    expect(JSON.parse(events[1]?.data ?? '').data.alert).toMatchObject({ id, status: 'acknowledged' });
    watcher.stop();
    await api.call('POST', `/api/v1/alerts/${id}/clear`, { token: fire.token, body: { reason: 'done' } });
    const resumed = await watch(fire.token, events[0]?.id);
    expect((await resumed.take(2)).map(({ event }) => event)).toEqual(['alert.acknowledged', 'alert.cleared']);
    resumed.stop();
    expect(stranger.seen()).toBe(0);
    stranger.stop();
  });

  it('ends with the session', async () => {
    const user = await api.createUser(fire.tenantKey, 'leaving.fire', ['operator']);
    const watcher = await watch(user.token);
    await api.call('DELETE', '/api/v1/sessions/current', { token: user.token });
    await watcher.ended;
  });

  it('counts no reader who had gone before it began', async () => {
    const user = await api.createUser(fire.tenantKey, 'passing.fire', ['operator']);
    await leaveEarly(api, '/api/v1/alerts/stream', user.token);
    const { body } = await api.call<string>('GET', '/metrics', { token: null });
    expect(body).toContain('\nalerts_feed_clients 0\n');
  });

  it('refuses an id that is none', async () => {
    const answer = await api.call('GET', '/api/v1/alerts/stream', {
      token: fire.token,
      headers: { 'last-event-id': 'x' },
    });
    expect([answer.status, answer.body]).toMatchObject([400, { code: 'last_event_id_invalid' }]);
  });
});

interface SentEvent {
  id: string;
  event: string;
  data: string;
}

async function watch(token: string, lastEventId?: string) {
  const abort = new AbortController();
  const response = await fetch(`${api.url}/api/v1/alerts/stream`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
    signal: abort.signal,
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: SentEvent[] = [];
  let wake = () => {};
  let text = '';
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const field = (name: string) =>
          part
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2) ?? '';
        if (field('data')) events.push({ id: field('id'), event: field('event'), data: field('data') });
      }
      wake();
    }
  })();
  ended.catch(() => {});
  // The first bytes have come before the listener has joined: what is raised from now on must not be missed.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return {
    ended,
    seen: () => events.length,
    stop: () => abort.abort(),
    take: async (count: number): Promise<SentEvent[]> => {
      while (events.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return events.splice(0, count);
    },
  };
}
