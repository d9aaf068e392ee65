import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { asc, eq } from 'drizzle-orm';
import { v7 } from 'uuid';
import { decodeNotifications, encodeTransitions, type Notification, type Transition } from '#libs/contracts';
import { seedDevices } from '#libs/devices/testing';
import { alertCursors, alerts, alertTimeline, Leases, notifications, rules } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Lifecycle, Metrics, readConfig, ScriptedClock, Tracing } from '#libs/runtime';
import { openTestStream, runStage, type TestStream } from '#libs/stream/testing';
import { alertsConfig } from './alerts.config.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsStage } from './alerts.stage.js';
import { AlertsUpkeep } from './alerts-upkeep.js';
import { Announcer } from './announcer.js';
import { OutboxRepository } from './outbox.repository.js';
import { OutboxRelay } from './outbox-relay.js';
import { RelayLoop } from './relay-loop.js';

const start = Date.UTC(2026, 10, 22, 4);

let registry: TestRegistry;
let stream: TestStream;
let clock: ScriptedClock;
let metrics: Metrics;
let outbox: OutboxRepository;
let relay: OutboxRelay;
let stage: AlertsStage;
let device: { tenantKey: string; key: string; id: string };
let ruleKey: string;
let position = 0;

beforeAll(async () => {
  registry = await openTestRegistry();
  stream = await openTestStream({ partitions: 2 });
  const seeded = await seedDevices(registry.database, { product: 'fire-detector', building: 'Tower 1' });
  device = { tenantKey: seeded.tenantKey, ...(seeded.devices[0] as { key: string; id: string }) };
}, 60_000);

afterAll(async () => {
  await stream.stop();
  await registry.stop();
});

beforeEach(async () => {
  clock = new ScriptedClock(start);
  metrics = new Metrics();
  stage = build();
  ruleKey = v7();
  await registry.database.insert(rules).values({
    key: ruleKey,
    slug: `smoke-${ruleKey}`,
    titleZh: '烟雾报警',
    titleEn: 'Smoke alarm',
    severity: 'critical',
    enabled: true,
    scope: {},
    definition: {},
  });
});

function build(): AlertsStage {
  const config = readConfig(alertsConfig, {});
  const logger = createLogger('test', 'silent');
  const repository = new AlertsRepository(registry.database);
  outbox = new OutboxRepository(registry.database);
  relay = new OutboxRelay(outbox, stream.log, config, metrics);
  const loop = new RelayLoop(relay, config, clock, logger, new Lifecycle(logger));
  return new AlertsStage(repository, new Announcer(repository, config, clock, Tracing.off()), loop, clock, metrics);
}

function transition(change: Partial<Transition> = {}): Transition {
  return {
    id: v7(),
    kind: 'raised',
    tenantKey: device.tenantKey,
    ruleKey,
    ruleRevision: 1,
    deviceKey: device.key,
    subject: device.key,
    severity: 'critical',
    observedAt: clock.now() - 500,
    judgedAt: clock.now(),
    messageId: 'u.0.1.0',
    evidence: { 'fire.smoke': true },
    ...change,
  };
}

function batch(...transitions: Transition[]) {
  position += 1;
  return {
    source: { stream: 'transitions', group: 'alerts', lane: 'urgent' as const, partition: 1 },
    entries: [{ position, appendedAt: clock.now(), messagesBefore: 0, data: encodeTransitions(transitions) }],
  };
}

const mine = () => registry.database.select().from(alerts).where(eq(alerts.ruleKey, ruleKey)).orderBy(asc(alerts.key));
const timelineOf = (key: string) =>
  registry.database.select().from(alertTimeline).where(eq(alertTimeline.alertKey, key)).orderBy(asc(alertTimeline.key));
const told = (key: string) =>
  registry.database
    .select()
    .from(notifications)
    .where(eq(notifications.alertKey, key))
    .orderBy(asc(notifications.sequence));
const discarded = async (reason: string) =>
  (await metrics.counter('discards_total', '', ['stage', 'reason']).get()).values.find(
    (value) => value.labels.reason === reason,
  )?.value ?? 0;

describe('transitions to alerts', () => {
  it('opens one alert, counts repetitions in one entry, and clears it', async () => {
    await stage.handle(batch(transition()));
    await clock.advance(1_000);
    await stage.handle(batch(transition({ kind: 'repeated' }), transition({ kind: 'repeated' })));
    await clock.advance(1_000);
    await stage.handle(batch(transition({ kind: 'repeated' })));
    await stage.handle(batch(transition({ kind: 'cleared' })));
    const [alert] = await mine();
    expect(alert).toMatchObject({
      status: 'cleared',
      occurrences: 4,
      titleZh: '烟雾报警',
      clearedKind: 'rule',
      lane: 'urgent',
    });
    const timeline = await timelineOf(alert?.key ?? '');
    expect(timeline.map(({ kind }) => kind)).toEqual(['raised', 'repeated', 'cleared']);
    expect(timeline[1]).toMatchObject({
      at: new Date(start + 1_000),
      until: new Date(start + 2_000),
      detail: { count: 3 },
    });
    expect((await told(alert?.key ?? '')).map(({ type }) => type)).toEqual([
      'cn.citysense.alert.raised',
      'cn.citysense.alert.cleared',
    ]);
  });

  it('a whole life within one batch', async () => {
    await stage.handle(
      batch(transition(), transition({ kind: 'cleared' }), transition(), transition({ kind: 'repeated' })),
    );
    expect((await mine()).map(({ status, occurrences }) => [status, occurrences])).toEqual([
      ['cleared', 1],
      ['open', 2],
    ]);
    await stage.handle(batch(transition({ kind: 'cleared' }), transition()));
    expect((await mine()).map(({ status }) => status)).toEqual(['cleared', 'cleared', 'open']);
  });

  it('freezes a CloudEvents body that says what happened, where and to what', async () => {
    await stage.handle(batch(transition()));
    const [alert] = await mine();
    const [row] = await told(alert?.key ?? '');
    expect(JSON.parse(row?.body ?? '')).toMatchObject({
      specversion: '1.0',
      id: row?.id,
      type: 'cn.citysense.alert.raised',
      subject: `alerts/${alert?.key}`,
      time: new Date(start - 500).toISOString(),
      data: {
        alert: { id: alert?.key, status: 'open', occurrences: 1 },
        device: { id: device.id, building: 'Tower 1', product: { id: 'fire-detector', domain: 'fire' } },
        domain: 'fire',
        severity: 'critical',
        titles: { zh: '烟雾报警', en: 'Smoke alarm' },
        evidence: { 'fire.smoke': true },
        links: { alert: `/api/v1/alerts/${alert?.key}` },
      },
    });
  });

  it('evidence too large for a webhook is left out of it', async () => {
    await stage.handle(batch(transition({ evidence: { dump: '烟'.repeat(20_000) } })));
    const [alert] = await mine();
    const [row] = await told(alert?.key ?? '');
    expect(Buffer.byteLength(row?.body ?? '')).toBeLessThan(20_000);
    expect(JSON.parse(row?.body ?? '').data.evidence).toHaveProperty('omitted');
    expect(alert?.evidence).toHaveProperty('dump');
  });

  it('evidence that PostgreSQL could not keep as it is raises the alarm all the same', async () => {
    const evidence = { 'a\0b': 'c\0d', half: '\ud83d', whole: '🔥', written: '\\u0000' };
    await stage.handle(batch(transition({ evidence })));
    const [alert] = await mine();
    expect(alert?.evidence).toEqual({
      'a\ufffdb': 'c\ufffdd',
      half: '\ufffd\ufffd\ufffd',
      whole: '🔥',
      written: '\\u0000',
    });
  });

  it('a batch that comes again changes nothing, nor does a transition at another position', async () => {
    const once = batch(transition(), transition({ kind: 'repeated' }));
    await stage.handle(once);
    await stage.handle(once);
    await build().handle(once);
    const replayed = transition();
    await stage.handle(batch(replayed));
    await stage.handle(batch(replayed, replayed));
    const [alert] = await mine();
    expect(alert?.occurrences).toBe(3);
    expect(await told(alert?.key ?? '')).toHaveLength(1);
    expect(await discarded('duplicate')).toBe(2);
  });

  it('what changes nothing is counted', async () => {
    await stage.handle(batch(transition({ kind: 'cleared' })));
    expect(await mine()).toHaveLength(0);
    expect(await discarded('cleared_not_open')).toBe(1);
  });

  it('a batch that cannot be written leaves nothing behind, and works when it comes again', async () => {
    const good = transition();
    const bad = transition({ tenantKey: v7() });
    await expect(stage.handle(batch(good, bad))).rejects.toThrow();
    expect(await mine()).toHaveLength(0);
    await stage.handle(batch(good));
    expect(await mine()).toHaveLength(1);
  });

  it('an alert of a device or rule that the registry does not know is raised all the same', async () => {
    const unknown = transition({ ruleKey: v7(), deviceKey: v7() });
    await stage.handle(batch(unknown));
    const [row] = await registry.database.select().from(alerts).where(eq(alerts.ruleKey, unknown.ruleKey));
    expect(row).toMatchObject({ titleZh: '告警', titleEn: 'Alert', status: 'open' });
  });

  it('the worst severity stays, and an escalation reopens', async () => {
    await stage.handle(batch(transition({ severity: 'minor' })));
    await stage.handle(
      batch(
        transition({ kind: 'repeated', severity: 'critical' }),
        transition({ kind: 'repeated', severity: 'major' }),
      ),
    );
    const [alert] = await mine();
    expect(alert).toMatchObject({ severity: 'critical', lane: 'bulk', status: 'open', occurrences: 3 });
    expect((await told(alert?.key ?? '')).map(({ type, lane }) => `${type} ${lane}`)).toEqual([
      'cn.citysense.alert.raised bulk',
      'cn.citysense.alert.escalated bulk',
    ]);
  });

  it('counts open alerts by severity', async () => {
    await stage.handle(batch(transition({ severity: 'warning' })));
    const upkeep = new AlertsUpkeep(
      new AlertsRepository(registry.database),
      outbox,
      readConfig(alertsConfig, {}),
      clock,
      new Leases(registry.database),
      metrics,
    );
    await upkeep.run();
    const gauge = (await metrics.gauge('alerts_open', '', ['severity']).get()).values;
    expect(gauge.find(({ labels }) => labels.severity === 'warning')?.value).toBe(1);
    expect(gauge.find(({ labels }) => labels.severity === 'info')?.value).toBe(0);
  });
});

describe('the outbox', () => {
  const arrived: (Notification & { lane: string })[] = [];
  let untail: () => void;

  beforeAll(() => {
    untail = stream.log.tail('notifications', (entry) => {
      arrived.push(...decodeNotifications(entry.data).map((one) => ({ ...one, lane: entry.lane })));
    });
  });
  afterAll(() => untail());

  it('passes on every row once, in order, in the lane of its alert', async () => {
    while (await relay.relay());
    await relay.relay();
    arrived.length = 0;
    await stage.handle(batch(transition(), transition({ subject: 'b', severity: 'info' })));
    await stage.handle(batch(transition({ kind: 'cleared' })));
    expect(await relay.relay()).toBe(false);
    expect(await relay.relay()).toBe(false);
    await until(() => arrived.length >= 3);
    const [first, second] = await mine();
    expect(arrived.filter((one) => one.alertKey === first?.key).map(({ type, lane }) => [type, lane])).toEqual([
      ['cn.citysense.alert.raised', 'urgent'],
      ['cn.citysense.alert.cleared', 'urgent'],
    ]);
    expect(arrived.filter((one) => one.alertKey === second?.key).map(({ lane }) => lane)).toEqual(['bulk']);
  });

  it('a crash between append and mark sends again, under the same id', async () => {
    while (await relay.relay());
    arrived.length = 0;
    await stage.handle(batch(transition()));
    const before = await relayedPosition();
    await relay.relay();
    await registry.database
      .update(alertCursors)
      .set({ position: before })
      .where(eq(alertCursors.name, 'outbox/relayed'));
    await relay.relay();
    await until(() => arrived.length >= 2);
    expect(new Set(arrived.map(({ id }) => id)).size).toBe(1);
  });

  it('two relays at once: every row goes, and the first copies come in order', async () => {
    while (await relay.relay());
    arrived.length = 0;
    const other = new OutboxRelay(outbox, stream.log, readConfig(alertsConfig, {}), metrics);
    for (let n = 0; n < 20; n++) {
      await Promise.all([
        stage.handle(batch(transition(), transition({ kind: 'cleared' }), transition())),
        relay.relay(),
        other.relay(),
      ]);
    }
    await Promise.all([relay.relay(), other.relay()]);
    const alertKeys = new Set((await mine()).map(({ key }) => key));
    const rows = (await outbox.after(0, undefined, 500)).filter(({ alertKey }) => alertKeys.has(alertKey));
    await until(() => rows.every(({ id }) => arrived.some((one) => one.id === id)));
    for (const alertKey of alertKeys) {
      const copies = arrived.filter((one) => one.alertKey === alertKey).map(({ sequence }) => sequence);
      const firsts = [...new Set(copies)];
      expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
    }
    expect(rows.length).toBeGreaterThan(40);
  });

  it('sequences follow the order of commits, without a gap, from several writers', async () => {
    const before = await outbox.last();
    const writers = Array.from({ length: 4 }, () => build());
    await Promise.all(
      writers.map(async (writer, lane) => {
        for (let n = 0; n < 5; n++) {
          const one = batch(transition({ subject: `${lane}-${n}` }));
          await writer.handle({ ...one, source: { ...one.source, partition: 10 + lane } });
        }
      }),
    );
    const rows = await outbox.after(before, undefined, 100);
    expect(rows.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, n) => before + 1 + n));
  });

  it('old rows go once they have been passed on', async () => {
    while (await relay.relay());
    await relay.relay();
    await stage.handle(batch(transition()));
    await outbox.prune(start + 60_000);
    const [alert] = await mine();
    expect(await outbox.after(0, undefined, 500)).toHaveLength(1);
    expect(await told(alert?.key ?? '')).toHaveLength(1);
  });
});

describe('the stage on the stream', () => {
  it('applies what is appended, exactly once', async () => {
    const running = await runStage(stream.log, { pattern: 'transitions/alerts', handle: (b) => stage.handle(b) });
    const data = encodeTransitions([transition()]);
    await stream.log.append([{ stream: 'transitions', lane: 'urgent', partition: 0, data }]);
    await running.caughtUp();
    await running.stop();
    expect(await mine()).toHaveLength(1);
  });
});

async function relayedPosition(): Promise<number> {
  const rows = await registry.database.select().from(alertCursors).where(eq(alertCursors.name, 'outbox/relayed'));
  return rows[0]?.position ?? 0;
}

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !condition(); n++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}
