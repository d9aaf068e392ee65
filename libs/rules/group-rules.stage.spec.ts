import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { encodeGroupReadings, partitionOf, streams } from '#libs/contracts';
import { groupOf } from '#libs/devices';
import { openTestDirectory, type Seeded, seedDevices, type TestDirectory } from '#libs/devices/testing';
import { devices, rules as ruleTable } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { ScriptedClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { type DefinitionOf, ruleDefinitionSchema } from './rule-definition.js';
import type { RuleContent } from './rules.repository.js';
import { messageOf, openTestRules, scriptStart, type TestRules } from './testing/index.js';

const minute = 60_000;
const hour = 60 * minute;
const partitions = 4;

type Hall = Seeded & { group: string };

let registry: TestRegistry;
let directory: TestDirectory;
let stream: TestStream;
let clock: ScriptedClock;
let rules: TestRules;
let rule: typeof ruleTable.$inferSelect;
let serial = 0;
/** Two halls with two detectors each, new ones for every test; `group` is what the rule joins them by. */
let halls: [Hall, Hall];

beforeAll(async () => {
  registry = await openTestRegistry();
  directory = await openTestDirectory(registry.database, { stream: { partitions } });
});

afterAll(async () => {
  await directory.stop();
  await registry.stop();
});

beforeEach(async () => {
  stream = await openTestStream({ partitions });
  clock = new ScriptedClock(scriptStart);
  rules = await start();
  const [row] = await registry.database.select().from(ruleTable).where(eq(ruleTable.slug, 'fire-two-detectors'));
  if (!row) throw new Error('no rule of two detectors');
  rule = row;
  halls = [await seedHall(), await seedHall()];
  await until(() => halls.every((one) => one.devices.every(({ key }) => directory.directory.byKey(key))));
});

afterEach(async () => {
  await rules.stop();
  await stream.stop();
  const { severity, definition } = rule;
  await registry.database.update(ruleTable).set({ severity, definition }).where(eq(ruleTable.key, rule.key));
});

async function seedHall(): Promise<Hall> {
  const building = `hall ${++serial}`;
  const request = { tenantId: 'zunyi-fire', product: 'fire-detector', count: 2, status: 'active' as const, building };
  const seeded = await seedDevices(registry.database, request);
  return { ...seeded, group: groupOf(seeded.tenantKey, building) };
}

function start(): Promise<TestRules> {
  const { catalogue, directory: known } = directory;
  // Only what the script says happens: the stream's own clock is the machine's, and its lag is not part of the script.
  const log = Object.assign(Object.create(stream.log) as typeof stream.log, { lag: () => Promise.resolve([]) });
  return openTestRules({ database: registry.database, log, clock, directory: known, catalogue });
}

/** Lets the directory and the rules be polled until `condition` holds. */
async function until(condition: () => unknown): Promise<void> {
  for (let round = 0; round < 1_000; round += 1) {
    if (condition()) return;
    await clock.advance(10);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it never came to that');
}

function detector(hall: 0 | 1, n: 0 | 1): Seeded['devices'][number] {
  return halls[hall].devices[n] as Seeded['devices'][number];
}

/** A detector reports, is judged, and a second goes by. */
async function says(hall: 0 | 1, n: 0 | 1, fire: boolean): Promise<void> {
  const device = { ...halls[hall], key: detector(hall, n).key };
  await rules.push(messageOf(device, { observedAt: clock.now(), values: { fire } }, `u.0.${++serial}.0`));
  await rules.work();
  await clock.advance(1_000);
}

/** A detector is mounted in another hall, or in none. */
async function moves(hall: 0 | 1, n: 0 | 1, to: 0 | 1 | undefined): Promise<void> {
  const { key } = detector(hall, n);
  const installationKey = to === undefined ? null : (halls[to].installationKey ?? null);
  await registry.database.update(devices).set({ installationKey }).where(eq(devices.key, key));
  await until(() => directory.directory.byKey(key)?.building === (to === undefined ? undefined : halls[to].group));
}

/** Changes the rule in the registry; answers its new revision. */
async function edit(change: Partial<RuleContent>): Promise<number> {
  const row = await rules.repository.change(rule.key, rules.book.byOrdinal(rule.ordinal)?.revision ?? 0, change);
  return row?.revision ?? 0;
}

async function editAndTell(change: Partial<RuleContent>): Promise<void> {
  const revision = await edit(change);
  await until(() => rules.book.byOrdinal(rule.ordinal)?.revision === revision);
  await rules.tick();
}

function asksFor(minimum: number): Partial<RuleContent> {
  return { definition: { ...(rule.definition as DefinitionOf<'group'>), minimum } };
}

/** What the rule has said of the halls, in order. */
async function said(): Promise<string[]> {
  const all = await rules.transitions();
  return all
    .filter(({ ruleKey }) => ruleKey === rule.key)
    .map(({ kind, subject }) => `${kind} ${halls.findIndex(({ group }) => group === subject)}`);
}

describe('a rule over the detectors of a building', () => {
  it('does not count a detector that moves while it alarms, neither where it was nor where it comes', async () => {
    await says(0, 0, true);
    await says(0, 1, true);
    await moves(0, 0, 1);
    await rules.tick();
    await says(0, 1, false);
    expect(await said()).toEqual(['raised 0', 'cleared 0']);
    await says(0, 0, false);
    await says(1, 0, true);
    expect(await said()).toEqual(['raised 0', 'cleared 0']);
  });

  it('counts it where it is as soon as it says there that it alarms', async () => {
    await says(0, 0, true);
    await moves(0, 0, 1);
    await says(0, 0, true);
    await says(1, 0, true);
    expect(await said()).toEqual(['raised 1']);
    await says(0, 0, false);
    await says(1, 0, false);
    expect(await said()).toEqual(['raised 1', 'cleared 1']);
  });

  it('ends when the last that alarms is taken down, or retired', async () => {
    for (const hall of [0, 1] as const) {
      await says(hall, 0, true);
      await says(hall, 1, true);
      await says(hall, 0, false);
    }
    await moves(0, 1, undefined);
    await registry.database
      .update(devices)
      .set({ status: 'retired' })
      .where(eq(devices.key, detector(1, 1).key));
    await until(() => directory.directory.byKey(detector(1, 1).key)?.status === 'retired');
    await rules.tick();
    expect((await said()).sort()).toEqual(['cleared 0', 'cleared 1', 'raised 0', 'raised 1']);
  });

  it('ends when that happens while nobody judges', async () => {
    await says(0, 0, true);
    await says(0, 1, true);
    await says(0, 0, false);
    await rules.stop();
    await moves(0, 1, undefined);
    rules = await start();
    await rules.tick();
    expect(await said()).toEqual(['raised 0', 'cleared 0']);
  });

  it('edited while raised, ends with the last of its members, and is raised again the next time', async () => {
    await says(0, 0, true);
    await says(0, 1, true);
    await editAndTell({ severity: 'major' });
    await says(0, 0, false);
    expect(await said()).toEqual(['raised 0']);
    await says(0, 1, false);
    await clock.advance(hour);
    await says(0, 0, true);
    await says(0, 1, true);
    expect(await said()).toEqual(['raised 0', 'cleared 0', 'raised 0']);
  });

  it('asking for fewer than before, is raised by those that still alarm', async () => {
    await editAndTell(asksFor(3));
    await says(0, 0, true);
    await says(0, 1, true);
    await editAndTell(asksFor(2));
    await clock.advance(minute);
    expect(await said()).toEqual([]);
    await says(0, 0, true);
    expect(await said()).toEqual(['raised 0']);
  });

  it('judges by the rule that its members were judged by, though this process has not heard of the change yet', async () => {
    await editAndTell(asksFor(3));
    await says(0, 0, true);
    const ruleRevision = await edit(asksFor(2));
    const [{ group, tenantKey }, { key, id }] = [halls[0], detector(0, 1)];
    const member = { group, tenantKey, deviceKey: key, deviceId: id, meets: true, observedAt: clock.now() };
    const reading = { ...member, ruleOrdinal: rule.ordinal, ruleRevision, messageId: 'u.0.1.0' };
    const data = encodeGroupReadings([reading]);
    const place = { stream: streams.groupReadings, lane: 'urgent' as const };
    await stream.log.append([{ ...place, partition: partitionOf(group, partitions), data }]);
    await rules.work();
    expect(await said()).toEqual(['raised 0']);
  });

  it('turned into another kind while raised, ends what it raised', async () => {
    await says(0, 0, true);
    await says(0, 1, true);
    const conditions = [{ metric: 'fire', operator: '==' as const, value: true }];
    await editAndTell({ definition: ruleDefinitionSchema.parse({ kind: 'threshold', conditions }) });
    expect(await said()).toEqual(['raised 0', 'cleared 0']);
  });
});
