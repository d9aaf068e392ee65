import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { asc, eq } from 'drizzle-orm';
import { v7 } from 'uuid';
import { decodeDeadLetters } from '#libs/contracts';
import {
  tenants,
  webhookAttempts,
  webhookDeliveries,
  webhookEndpointEvents,
  webhookEndpoints,
} from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { ScriptedClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { answer, notificationOf, startReceiver, TestNotifier, type TestReceiver } from './testing/index.js';
import { verify } from './webhook/standard-webhooks.js';

const start = Date.UTC(2026, 10, 22, 4);
const hourMs = 3_600_000;

let registry: TestRegistry;
let stream: TestStream;
let dataDir: string;
let clock: ScriptedClock;
let notifier: TestNotifier;
let receiver: TestReceiver;
let tenantKey: string;

beforeAll(async () => {
  registry = await openTestRegistry();
  stream = await openTestStream({ partitions: 2 });
  dataDir = await mkdtemp(join(tmpdir(), 'citysense-notifier-'));
}, 60_000);

afterAll(async () => {
  await stream.stop();
  await registry.stop();
  await rm(dataDir, { recursive: true, force: true });
  await rm(`${dataDir}.key`, { force: true });
});

beforeEach(async () => {
  await registry.database.delete(webhookEndpoints);
  clock = new ScriptedClock(start);
  notifier = new TestNotifier({ database: registry.database, stream: stream.log, clock, dataDir });
  receiver = await startReceiver();
  tenantKey = v7();
  await registry.database.insert(tenants).values({ key: tenantKey, id: tenantKey, name: 'test' });
});

afterEach(async () => {
  await receiver.stop();
  await notifier.stop();
});

const deliveriesOf = (endpointKey: string) =>
  registry.database
    .select()
    .from(webhookDeliveries)
    .where(eq(webhookDeliveries.endpointKey, endpointKey))
    .orderBy(asc(webhookDeliveries.sequence));
const endpointOf = async (key: string) =>
  (await registry.database.select().from(webhookEndpoints).where(eq(webhookEndpoints.key, key)))[0];
const eventsOf = async (key: string) =>
  (
    await registry.database
      .select()
      .from(webhookEndpointEvents)
      .where(eq(webhookEndpointEvents.endpointKey, key))
      .orderBy(asc(webhookEndpointEvents.key))
  ).map(({ kind }) => kind);
const attemptsOf = (deliveryKey: string) =>
  registry.database
    .select()
    .from(webhookAttempts)
    .where(eq(webhookAttempts.deliveryKey, deliveryKey))
    .orderBy(asc(webhookAttempts.key));

/** The whole life of what one alert tells. */
async function tell(...kinds: string[]): Promise<string> {
  const alertKey = v7();
  await notifier.notify(...kinds.map((kind) => notificationOf(tenantKey, alertKey, { kind })));
  return alertKey;
}

describe('two notifiers at once', () => {
  it('share what is due: each delivery goes once, in order per alert', async () => {
    const other = new TestNotifier({ database: registry.database, stream: stream.log, clock, dataDir });
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    const alertKeys = await Promise.all(
      Array.from({ length: 12 }, () => tell('raised', 'acknowledged', 'commented', 'cleared')),
    );
    await Promise.all([notifier.engine.settle(), other.engine.settle()]);
    await notifier.engine.settle();
    await other.stop();
    expect(receiver.received).toHaveLength(48);
    expect((await deliveriesOf(key)).every(({ status, attempts }) => status === 'delivered' && attempts === 1)).toBe(
      true,
    );
    for (const alertKey of alertKeys) {
      const types = receiver.received
        .filter(({ event }) => (event.data as { alert: { id: string } }).alert.id === alertKey)
        .map(({ event }) => event.type.split('.').at(-1));
      expect(types).toEqual(['raised', 'acknowledged', 'commented', 'cleared']);
    }
  });

  it('queue what comes again once', async () => {
    const other = new TestNotifier({ database: registry.database, stream: stream.log, clock, dataDir });
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    const told = Array.from({ length: 10 }, () => notificationOf(tenantKey, v7()));
    await Promise.all([notifier.notify(...told), other.notify(...told), notifier.notify(...told)]);
    await other.stop();
    const rows = await deliveriesOf(key);
    expect(rows.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
  });

  it('ask an endpoint for its handshake one at a time', async () => {
    const other = new TestNotifier({ database: registry.database, stream: stream.log, clock, dataDir });
    await notifier.addEndpoint(tenantKey, receiver.url, { status: 'validating', validationHandshake: true });
    await Promise.all([notifier.validator.run(), other.validator.run(), notifier.validator.run()]);
    await other.stop();
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a delivery', () => {
  it('is signed, numbered, and logged', async () => {
    const { key, secret } = await notifier.addEndpoint(tenantKey, receiver.url);
    await tell('raised', 'cleared');
    await notifier.engine.settle();
    const [first, second] = receiver.received;
    expect(first?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': first?.event.id,
    });
    expect(verify(secret, first?.headers as never, first?.body ?? '', start)).toBe(true);
    expect([first?.event.sequence, second?.event.sequence]).toEqual(['1', '2']);
    const [row] = await deliveriesOf(key);
    expect(row).toMatchObject({ status: 'delivered', attempts: 1, lastError: null });
    expect(await attemptsOf(row?.key ?? '')).toMatchObject([{ attempt: 1, status: 204, error: '' }]);
    expect(await endpointOf(key)).toMatchObject({ health: 'healthy', sequence: 2, lastSuccessAt: new Date(start) });
  });

  it('is signed with both secrets for a day after a rotation', async () => {
    const old = await notifier.addEndpoint(tenantKey, receiver.url);
    const fresh = notifier.secrets.create(old.key);
    const row = await endpointOf(old.key);
    await registry.database
      .update(webhookEndpoints)
      .set({ secret: fresh.sealed, previousSecret: row?.secret, previousSecretUntil: new Date(start + 24 * hourMs) })
      .where(eq(webhookEndpoints.key, old.key));
    await tell('raised');
    await notifier.engine.settle();
    await clock.advance(24 * hourMs);
    await tell('raised');
    await notifier.engine.settle();
    const proofs = receiver.received.map(({ headers, body }, day) =>
      [fresh.secret, old.secret].map((secret) => verify(secret, headers as never, body, start + day * 24 * hourMs)),
    );
    expect(proofs).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  it('goes to the endpoints that want it, each under its own sequence, and only once', async () => {
    const all = await notifier.addEndpoint(tenantKey, receiver.url);
    const water = await notifier.addEndpoint(tenantKey, receiver.url, { domains: ['water'] });
    const stranger = v7();
    await registry.database.insert(tenants).values({ key: stranger, id: stranger, name: 'stranger' });
    const foreign = await notifier.addEndpoint(stranger, receiver.url);
    const fire = notificationOf(tenantKey, v7());
    const leak = notificationOf(tenantKey, v7(), { domain: 'water', severity: 'minor' });
    await notifier.notify(fire, leak, fire);
    await notifier.notify(fire, leak);
    const sequences = async (key: string) =>
      (await deliveriesOf(key)).map(({ sequence, notificationId }) => [sequence, notificationId]);
    expect(await sequences(all.key)).toEqual([
      [1, fire.id],
      [2, leak.id],
    ]);
    expect(await sequences(water.key)).toEqual([[1, leak.id]]);
    expect(await sequences(foreign.key)).toEqual([]);
  });
});

describe('order and isolation', () => {
  it('keeps the order within an alert and lets the others pass', async () => {
    await notifier.addEndpoint(tenantKey, receiver.url);
    let stubborn = '';
    receiver.behave((received, response) => {
      const { id } = (received.event.data as { alert: { id: string } }).alert;
      response.writeHead(id === stubborn ? 500 : 204).end();
    });
    stubborn = await tell('raised', 'acknowledged', 'cleared');
    const other = await tell('raised', 'cleared');
    await notifier.engine.settle();
    const seen = () =>
      receiver.received.map(
        ({ event }) =>
          `${(event.data as { alert: { id: string } }).alert.id === other ? 'other' : 'stubborn'} ${event.type.split('.').at(-1)}`,
      );
    expect(seen().filter((one) => one.startsWith('other'))).toEqual(['other raised', 'other cleared']);
    expect(seen().filter((one) => one.startsWith('stubborn'))).toEqual(['stubborn raised']);
    stubborn = '';
    await clock.advance(1_200);
    await notifier.engine.settle();
    expect(
      seen()
        .filter((one) => one.startsWith('stubborn'))
        .slice(1),
    ).toEqual(['stubborn raised', 'stubborn acknowledged', 'stubborn cleared']);
  });

  it('one dead endpoint never delays another', async () => {
    const hanging = await startReceiver(() => {});
    await notifier.addEndpoint(tenantKey, hanging.url);
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    for (let n = 0; n < 40; n++) await tell('raised');
    const begun = performance.now();
    const settled = notifier.engine.settle();
    await receiver.got(40);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(hanging.received.length).toBeLessThanOrEqual(8);
    await hanging.stop();
    await clock.advance(15_000);
    await settled;
    expect((await deliveriesOf(key)).every(({ status }) => status === 'delivered')).toBe(true);
  });

  it('at most eight at a time to one endpoint, one while it is failing', async () => {
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    receiver.behave(() => {});
    for (let n = 0; n < 12; n++) await tell('raised');
    expect(await notifier.engine.dispatch()).toBe(8);
    expect(await notifier.engine.dispatch()).toBe(0);
    await receiver.got(8);
    await registry.database.update(webhookEndpoints).set({ health: 'failing' }).where(eq(webhookEndpoints.key, key));
    await clock.advance(15_000);
    await until(async () => (await deliveriesOf(key)).filter(({ lastError }) => lastError !== null).length === 8);
    expect(await notifier.engine.dispatch()).toBe(1);
    receiver.behave(answer(204));
    await clock.advance(15_000);
    await notifier.engine.settle();
  });
});

describe('failures, on a scripted clock', () => {
  it('tries at 1, 5, 15, 60 s, 5, 15 min, 1 h, then hourly to 72 h; then it is a dead letter', async () => {
    receiver.behave(answer(500, {}, 'no'));
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    const letters: string[] = [];
    const untail = stream.log.tail('dead-letters', (entry) => {
      letters.push(...decodeDeadLetters(entry.data).map(({ detail }) => detail));
    });
    await tell('raised', 'cleared');
    const times: number[] = [];
    for (let n = 0; n < 100; n++) {
      await notifier.engine.settle();
      if (receiver.received.length > times.length) times.push(clock.now() - start);
      const [row] = await deliveriesOf(key);
      if (row?.status !== 'pending') break;
      await clock.advance((row.nextAttemptAt?.getTime() ?? 0) - clock.now());
    }
    const gaps = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1_000);
    for (const [index, seconds] of [1, 5, 15, 60, 300, 900, 3_600, 3_600].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(seconds * 0.8);
      expect(gaps[index]).toBeLessThanOrEqual(seconds * 1.2);
    }
    expect(times.at(-1)).toBeLessThanOrEqual(72 * hourMs);
    expect(times.at(-1)).toBeGreaterThan(70 * hourMs);
    const [raised, cleared] = await deliveriesOf(key);
    expect(raised).toMatchObject({ status: 'dead', lastError: 'answered 500' });
    // The one behind it has had its turn too.
    await clock.advance(2 * hourMs);
    await notifier.engine.settle();
    expect((await attemptsOf(cleared?.key ?? '')).length).toBeGreaterThanOrEqual(1);
    expect(await eventsOf(key)).toContain('delivery_dead');
    await until(() => letters.some((detail) => detail.includes(raised?.key ?? '-')));
    untail();
  }, 60_000);

  it('Retry-After pauses the whole endpoint', async () => {
    receiver.behave(answer(429, { 'retry-after': '120' }));
    await notifier.addEndpoint(tenantKey, receiver.url);
    await tell('raised');
    await notifier.engine.settle();
    receiver.behave(answer(204));
    await tell('raised');
    await clock.advance(119_000);
    await notifier.engine.settle();
    expect(receiver.received).toHaveLength(1);
    await clock.advance(1_000);
    await notifier.engine.settle();
    expect(receiver.received).toHaveLength(3);
  });

  it('410 disables the endpoint; what it missed is held, and goes out when it is enabled again', async () => {
    receiver.behave(answer(410));
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    await tell('raised', 'cleared');
    await notifier.engine.settle();
    expect(await endpointOf(key)).toMatchObject({ status: 'disabled', statusReason: 'it answered 410 Gone' });
    await tell('raised');
    await clock.advance(hourMs);
    await notifier.engine.settle();
    expect(receiver.received).toHaveLength(1);
    receiver.behave(answer(204));
    await registry.database.update(webhookEndpoints).set({ status: 'active' }).where(eq(webhookEndpoints.key, key));
    await notifier.engine.settle();
    expect((await deliveriesOf(key)).map(({ status }) => status)).toEqual(['delivered', 'delivered', 'delivered']);
  });

  it('what a disabled endpoint holds is given up after 72 h, where it can be seen', async () => {
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url, { status: 'disabled' });
    await tell('raised');
    await clock.advance(71 * hourMs);
    await notifier.upkeep.run();
    expect((await deliveriesOf(key))[0]?.status).toBe('pending');
    await clock.advance(2 * hourMs);
    await notifier.upkeep.run();
    expect((await deliveriesOf(key))[0]).toMatchObject({ status: 'dead', lastError: 'held by a disabled endpoint' });
    expect(await eventsOf(key)).toEqual(['delivery_dead']);
  });

  it('a timeout after receipt delivers again under the same id', async () => {
    receiver.behave(() => {});
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    await tell('raised');
    const settled = notifier.engine.settle();
    await receiver.got(1);
    await clock.advance(15_000);
    await settled;
    expect((await deliveriesOf(key))[0]?.lastError).toBe('no answer within 15000 ms');
    receiver.behave(answer(200));
    await clock.advance(1_200);
    await notifier.engine.settle();
    const [first, second] = receiver.received;
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect((await deliveriesOf(key))[0]?.status).toBe('delivered');
  });

  it('tells operators, and the tenant’s other endpoints that ask for it, of failing and of recovery', async () => {
    const desk = await startReceiver();
    await notifier.addEndpoint(tenantKey, desk.url, {
      eventTypes: ['cn.citysense.endpoint.failing', 'cn.citysense.endpoint.recovered'],
    });
    receiver.behave(answer(503));
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    await tell('raised');
    for (const ms of [0, 1_200, 6_000]) {
      await clock.advance(ms);
      await notifier.engine.settle();
    }
    expect(await endpointOf(key)).toMatchObject({
      health: 'failing',
      consecutiveFailures: 3,
      lastError: 'answered 503',
    });
    receiver.behave(answer(204));
    await clock.advance(18_000);
    await notifier.engine.settle();
    expect(await eventsOf(key)).toEqual(['failing', 'recovered']);
    expect(desk.received.map(({ event }) => event.type)).toEqual([
      'cn.citysense.endpoint.failing',
      'cn.citysense.endpoint.recovered',
    ]);
    await desk.stop();
  });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 500; n++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came about');
}
