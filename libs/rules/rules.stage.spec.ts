import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type NormalisedMessage, partitionOf, type ReadingValue } from '#libs/contracts';
import { openTestDirectory, type Seeded, seedDevices, type TestDirectory } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { ScriptedClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { messageOf, openTestRules, scriptStart, type TestRules } from './testing/index.js';

const hour = 3_600_000;
const interval = 120_000;
let registry: TestRegistry;
let meters: Seeded;
let brisk: Seeded;
let bays: Seeded;
let detectors: Seeded;
let elsewhere: Seeded;
let directory: TestDirectory;
let stream: TestStream;
let clock: ScriptedClock;
let rules: TestRules;
let serial = 0;

beforeAll(async () => {
  registry = await openTestRegistry();
  const tenantId = 'zunyi-water';
  meters = await seedDevices(registry.database, { tenantId, count: 3, status: 'active' });
  brisk = await seedDevices(registry.database, { tenantId, status: 'active', expectedIntervalMs: interval });
  bays = await seedDevices(registry.database, {
    tenantId,
    product: 'parking-sensor',
    status: 'active',
    settings: { fireLane: true },
  });
  detectors = await seedDevices(registry.database, {
    tenantId,
    product: 'fire-detector',
    count: 8,
    status: 'active',
    building: '1 号楼',
  });
  elsewhere = await seedDevices(registry.database, {
    tenantId: 'elsewhere',
    product: 'fire-detector',
    status: 'active',
    building: '1 号楼',
  });
  directory = await openTestDirectory(registry.database, { stream: { partitions: 4 } });
});

afterAll(async () => {
  await directory.stop();
  await registry.stop();
});

beforeEach(async () => {
  stream = await openTestStream({ partitions: 4 });
  clock = new ScriptedClock(scriptStart);
  rules = await start();
});

afterEach(async () => {
  await rules.stop();
  await stream.stop();
});

function start(environment: Record<string, string> = {}): Promise<TestRules> {
  const { catalogue, directory: devices } = directory;
  // Only what the script says happens: the stream's own clock is the machine's, and its lag is not part of the script.
  const log = Object.assign(Object.create(stream.log) as typeof stream.log, { lag: () => Promise.resolve([]) });
  return openTestRules({ database: registry.database, log, clock, directory: devices, catalogue, environment });
}

async function restart(): Promise<void> {
  await rules.stop();
  await stream.log.stop();
  await stream.log.start();
  rules = await start();
}

function report(
  of: Seeded,
  n: number,
  values: Record<string, ReadingValue>,
  observedAt = clock.now(),
): NormalisedMessage {
  const key = of.devices[n]?.key ?? '';
  serial += 1;
  return messageOf({ ...of, key }, { observedAt, receivedAt: clock.now(), values }, `b.0.${serial}.0`);
}

/** Lets time pass in ticks of a second, or longer ones where nothing can happen in between. */
async function pass(ms: number, stepMs = 10_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await clock.advance(Math.min(stepMs, left));
    await rules.tick();
  }
}

async function said(): Promise<string[]> {
  const slugs = new Map((await rules.repository.written(undefined)).map((row) => [row.key, row.slug]));
  return (await rules.transitions()).map((one) => `${one.kind} ${slugs.get(one.ruleKey)}`);
}

describe('rules stage', () => {
  it('raises a smoke alarm at once, on the urgent lane, and clears it', async () => {
    await rules.push(report(detectors, 0, { fire: true, alarmKind: 'smoke' }));
    await rules.work();
    const [raised] = await rules.transitions();
    expect(raised).toMatchObject({
      kind: 'raised',
      severity: 'critical',
      tenantKey: detectors.tenantKey,
      deviceKey: detectors.devices[0]?.key,
      subject: detectors.devices[0]?.key,
      observedAt: scriptStart,
      evidence: { fire: true },
    });
    await clock.advance(1000);
    await rules.push(report(detectors, 0, { fire: false }));
    await rules.work();
    expect(await said()).toEqual(['raised fire-alarm', 'cleared fire-alarm']);
  });

  it('a fire lane is occupied at once; a bay that is none waits', async () => {
    await rules.push(report(bays, 0, { status: 'occupied' }));
    await rules.work();
    expect(await said()).toEqual(['raised parking-fire-lane']);
  });

  it('late data raises no live alert, and is counted', async () => {
    await rules.push(report(detectors, 0, { fire: true }, scriptStart - 13 * hour));
    await rules.work();
    expect(await said()).toEqual([]);
    expect(await rules.metrics.render()).toContain('discards_total{stage="rules",reason="late"} 1');
  });

  it('a batch judged twice says the same, under the same ids', async () => {
    const first: string[] = [];
    const handle = rules.stage.handle.bind(rules.stage);
    let calls = 0;
    rules.stage.handle = async (batch) => {
      const result = await handle(batch);
      if (batch.entries.length > 0) {
        calls += 1;
        first.push(Buffer.concat((result.append ?? []).map(({ data }) => data)).toString('base64'));
      }
      return result;
    };
    await rules.push(report(detectors, 0, { fire: true, fault: true }));
    await rules.work({ lose: true });
    expect(calls).toBe(2);
    expect(first[0]).toEqual(first[1]);
    expect(await said()).toEqual(['raised fire-alarm', 'raised fire-fault']);
  });

  it('state survives a restart: what is raised is raised once, and is cleared later', async () => {
    await rules.push(report(detectors, 0, { fire: true }), report(bays, 0, { status: 'occupied' }));
    await rules.work();
    await restart();
    await rules.push(report(detectors, 0, { fire: true }), report(bays, 0, { status: 'free' }));
    await rules.work();
    expect((await said()).sort()).toEqual([
      'cleared parking-fire-lane',
      'raised fire-alarm',
      'raised parking-fire-lane',
    ]);
  });

  it('a leak of 24 hours is found across restarts, every half hour at its place', async () => {
    let litres = 1000;
    for (let n = 0; n <= 50; n += 1) {
      await rules.push(report(meters, 0, { 'metering.water.total': litres, battery: 3.6 }));
      await rules.work();
      if (n === 10 || n === 30) await restart();
      if (n < 49) expect(await said()).toEqual([]);
      litres += 2;
      await clock.advance(hour / 2);
    }
    expect(await said()).toEqual(['raised water-household-leak']);
  });

  it('two detectors of one building escalate, whatever their partitions; another tenant’s building is another', async () => {
    const far = detectors.devices.findIndex(
      ({ key }) => partitionOf(key, 4) !== partitionOf(detectors.devices[0]?.key ?? '', 4),
    );
    expect(far).toBeGreaterThan(0);
    await rules.push(report(detectors, 0, { fire: true }), report(elsewhere, 0, { fire: true }));
    await rules.work();
    expect(await said()).toEqual(['raised fire-alarm', 'raised fire-alarm']);
    await clock.advance(60_000);
    await restart();
    await rules.push(report(detectors, far, { fire: true }));
    await rules.work();
    const escalation = (await rules.transitions()).find(({ subject }) => subject === `${detectors.tenantKey}/1 号楼`);
    expect(escalation).toMatchObject({ kind: 'raised', severity: 'critical', tenantKey: detectors.tenantKey });
    expect(escalation?.evidence).toMatchObject({ building: '1 号楼', count: 2 });
    await clock.advance(1000);
    await rules.push(report(detectors, 0, { fire: false }));
    await rules.work();
    expect(await said()).not.toContain('cleared fire-two-detectors');
    await rules.push(report(detectors, far, { fire: false }));
    await rules.work();
    expect((await said()).filter((one) => one.endsWith('fire-two-detectors'))).toEqual([
      'raised fire-two-detectors',
      'cleared fire-two-detectors',
    ]);
  });

  it('a meter is silent after three intervals, and no longer with its next report', async () => {
    await rules.push(report(brisk, 0, { battery: 3.6 }));
    await rules.work();
    await pass(3 * interval - 10_000);
    expect(await said()).toEqual([]);
    await pass(20_000);
    expect(await said()).toEqual(['raised device-silent']);
    await rules.push(report(brisk, 0, { battery: 3.6 }));
    await rules.work();
    expect(await said()).toEqual(['raised device-silent', 'cleared device-silent']);
  });

  it('time during which the platform was down never counts as silence', async () => {
    await rules.push(report(brisk, 0, { battery: 3.6 }));
    await rules.work();
    await pass(60_000);
    await rules.stop();
    await clock.advance(5 * hour);
    rules = await start();
    await pass(2 * interval);
    expect(await said()).toEqual([]);
    await pass(2 * interval + 60_000);
    expect(await said()).toEqual(['raised device-silent']);
  });

  it('a device heard from after its state was last saved is not falsely silent after a crash', async () => {
    await rules.push(report(brisk, 0, { battery: 3.6 }));
    await rules.work();
    await pass(interval - 20_000);
    await rules.push(report(brisk, 0, { battery: 3.6 }));
    await rules.work();
    await restart();
    await pass(3 * interval - 60_000);
    expect(await said()).toEqual([]);
    await pass(interval + 80_000);
    expect(await said()).toEqual(['raised device-silent']);
  });

  it('devices that do not fit in memory are judged all the same', async () => {
    const many = await seedDevices(registry.database, {
      tenantId: 'many',
      product: 'parking-sensor',
      count: 5000,
      status: 'active',
    });
    for (let waits = 0; waits < 500 && !directory.directory.byKey(many.devices.at(-1)?.key ?? ''); waits += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await rules.stop();
    rules = await start({ RULES_CACHE_DEVICES: '1000' });
    const push = async (values: Record<string, ReadingValue>) => {
      await rules.push(...many.devices.map((_, n) => report(many, n, values)));
      await rules.work();
    };
    await push({ interference: true });
    await clock.advance(1000);
    await push({ interference: false });
    const kinds = (await rules.transitions()).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'raised')).toHaveLength(5000);
    expect(kinds.filter((kind) => kind === 'cleared')).toHaveLength(5000);
  });
});
