import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 } from 'uuid';
import { type Principal, permissions } from '#libs/access';
import { type DeadLetter, decodeRawMessages, encodeDeadLetters, encodeRawMessages } from '#libs/contracts';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { deadLetterCounts, deadLetters, Leases } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Metrics, type PlatformError, readConfig, ScriptedClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { deadLettersConfig } from './dead-letters.config.js';
import { DeadLettersRepository } from './dead-letters.repository.js';
import { DeadLettersService } from './dead-letters.service.js';
import { DeadLettersStage } from './dead-letters.stage.js';

const start = Date.UTC(2026, 0, 1);
const minute = 60_000;
const page = { limit: 50 };

let stream: TestStream;
let registry: TestRegistry;
let seeded: Seeded;
let other: Seeded;
let clock: ScriptedClock;
let stage: DeadLettersStage;
let service: DeadLettersService;
let position = 0;

function build(environment: Record<string, string> = {}): void {
  const config = readConfig(deadLettersConfig, environment);
  const repository = new DeadLettersRepository(registry.database);
  clock = new ScriptedClock(start);
  stage = new DeadLettersStage(
    repository,
    config,
    clock,
    createLogger('test', 'silent'),
    new Leases(registry.database),
    new Metrics(),
  );
  service = new DeadLettersService(repository, stream.log, clock, config, new Metrics());
}

beforeAll(async () => {
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  seeded = await seedDevices(registry.database, { count: 2, prefix: 'letter-' });
  other = await seedDevices(registry.database, { prefix: 'other-' });
  build();
}, 60_000);

afterAll(async () => {
  await registry?.stop();
  await stream?.stop();
});

afterEach(async () => {
  await registry.database.delete(deadLetters);
  await registry.database.delete(deadLetterCounts);
  build();
});

function letter(change: Partial<DeadLetter> = {}): DeadLetter {
  const device = seeded.devices[0] as Seeded['devices'][number];
  const original = encodeRawMessages([
    {
      kind: 'up',
      tenantKey: seeded.tenantKey,
      deviceKey: device.key,
      productKey: seeded.productKey,
      receivedAt: start,
      name: '7',
      payload: Buffer.from('{"a":1}'),
    },
  ]);
  return {
    id: v7(),
    stage: 'normaliser',
    stream: 'raw',
    reason: 'json_invalid',
    detail: 'not JSON',
    tenantKey: seeded.tenantKey,
    deviceKey: device.key,
    messageId: 'b.3.1.0',
    at: start,
    original,
    ...change,
  };
}

async function project(...letters: DeadLetter[]): Promise<void> {
  const source = { stream: 'dead-letters', group: 'dead-letters', lane: 'urgent' as const, partition: 3 };
  const entry = { position: ++position, appendedAt: start, messagesBefore: 0, data: encodeDeadLetters(letters) };
  expect(await stage.handle({ source, entries: [entry] })).toEqual({});
}

function principal(tenantKey: string, allTenants = false): Principal {
  const key = v7();
  return {
    kind: 'user',
    key,
    accountKey: key,
    name: 'Li Lei',
    tenantKey,
    allTenants,
    roles: ['operator'],
    permissions: new Set(permissions),
    ip: '127.0.0.1',
  };
}

const mine = () => principal(seeded.tenantKey);
const theirs = () => principal(other.tenantKey);
const everybody = () => principal(other.tenantKey, true);

async function codeOf(failing: Promise<unknown>): Promise<string> {
  return failing.then(
    () => 'nothing',
    (error: PlatformError) => `${error.status} ${error.code}`,
  );
}

async function rawEntries() {
  return await stream.log.read(
    { stream: 'raw', group: 'test', lane: 'urgent', partition: 3 },
    { after: 0, maxEntries: 1_000, maxBytes: 1_000_000 },
  );
}

describe('projection', () => {
  it('keeps a letter once, however often its entry is delivered, and counts it once', async () => {
    const one = letter();
    await project(one, letter({ reason: 'json_too_deep' }));
    await project(one, letter());
    expect((await service.list(mine(), page)).items).toHaveLength(3);
    expect((await service.discards(mine())).items.map((d) => [d.stage, d.reason, d.count, d.replayed])).toEqual([
      ['normaliser', 'json_invalid', 2, 0],
      ['normaliser', 'json_too_deep', 1, 0],
    ]);
  });

  it('takes what a database would choke on: NUL, keys that are none, thousands at once', async () => {
    const odd = letter({ detail: 'a\0b', tenantKey: '', deviceKey: 'nobody' });
    await project(odd, ...Array.from({ length: 1_200 }, () => letter()));
    const counts = (await service.discards(everybody())).items;
    expect(counts.map((d) => d.count)).toEqual([1_201]);
  });

  it('passes over an entry that is none', async () => {
    const source = { stream: 'dead-letters', group: 'dead-letters', lane: 'bulk' as const, partition: 0 };
    const entry = { position: ++position, appendedAt: start, messagesBefore: 0, data: Buffer.from('junk') };
    expect(await stage.handle({ source, entries: [entry] })).toEqual({});
  });

  it('keeps the newest within number, bytes and age; the counts remember all', async () => {
    build({ DEAD_LETTERS_MAX: '5', DEAD_LETTERS_MAX_AGE_SECONDS: '3600' });
    for (let n = 0; n < 8; n++) await project(letter({ detail: `${n}` }));
    await clock.advance(minute);
    await stage.handle({
      source: { stream: 'dead-letters', group: 'dead-letters', lane: 'bulk', partition: 0 },
      entries: [],
    });
    expect((await service.list(mine(), page)).items.map((item) => item.detail)).toEqual(['7', '6', '5', '4', '3']);
    expect((await service.discards(mine())).items[0]?.count).toBe(8);
    await clock.advance(61 * minute);
    await project(letter({ detail: 'new', at: clock.now() }));
    expect((await service.list(mine(), page)).items.map((item) => item.detail)).toEqual(['new']);
    build({ DEAD_LETTERS_MAX_BYTES: '3000' });
    for (let n = 0; n < 5; n++) await project(letter({ detail: `${n}`, original: Buffer.alloc(1_000) }));
    await clock.advance(minute);
    await project(letter({ detail: 'last', original: Buffer.alloc(1_000) }));
    expect((await service.list(mine(), page)).items.map((item) => item.detail)).toEqual(['last', '4', '3']);
  });
});

describe('reading', () => {
  it('shows each tenant its own, and letters of nobody to platform administrators only', async () => {
    await project(letter(), letter({ tenantKey: '', deviceKey: '', reason: 'stage_failed' }));
    expect((await service.list(mine(), page)).items.map((item) => item.reason)).toEqual(['json_invalid']);
    expect((await service.list(theirs(), page)).items).toEqual([]);
    expect((await service.list(everybody(), page)).items).toHaveLength(2);
    expect((await service.discards(theirs())).items).toEqual([]);
    const id = (await service.list(mine(), page)).items[0]?.id ?? '';
    expect(await codeOf(service.get(theirs(), id))).toBe('404 dead_letter_not_found');
    expect(await codeOf(service.replay(theirs(), id))).toBe('404 dead_letter_not_found');
    expect(await codeOf(service.get(mine(), 'x'))).toBe('404 dead_letter_not_found');
  });

  it('filters and pages', async () => {
    const second = seeded.devices[1] as Seeded['devices'][number];
    for (let n = 0; n < 5; n++) await project(letter({ detail: `${n}`, at: start + n * 1_000 }));
    await project(letter({ detail: 'other', deviceKey: second.key, stage: 'rules', reason: 'late' }));
    const details = async (query: object) =>
      (await service.list(mine(), { ...page, ...query })).items.map((i) => i.detail);
    expect(await details({ stage: 'rules' })).toEqual(['other']);
    expect(await details({ reason: 'late' })).toEqual(['other']);
    expect(await details({ device: second.id.toUpperCase() })).toEqual(['other']);
    expect(await details({ device: 'nobody' })).toEqual([]);
    const [from, to] = [start + 1_000, start + 3_000].map((at) => new Date(at).toISOString());
    expect(await details({ from, to })).toEqual(['2', '1']);
    const first = await service.list(mine(), { limit: 4 });
    expect(first.items).toHaveLength(4);
    const rest = await service.list(mine(), { limit: 4, cursor: first.nextCursor as string });
    expect([rest.items.map((i) => i.detail), rest.nextCursor]).toEqual([['1', '0'], null]);
    const cursor = Buffer.from('["x"]').toString('base64url');
    expect(await codeOf(service.list(mine(), { limit: 4, cursor }))).toBe('400 cursor_invalid');
  });

  it("shows the device's bytes", async () => {
    await project(letter(), letter({ stream: '', original: Buffer.from([0, 255]), reason: 'topic_not_allowed' }));
    const [plain, raw] = (await service.list(mine(), page)).items;
    expect(await service.get(mine(), raw?.id ?? '')).toMatchObject({
      device: seeded.devices[0]?.id,
      kind: 'up',
      name: '7',
      replayable: true,
      content: { bytes: 7, hex: '7b2261223a317d', base64: 'eyJhIjoxfQ==', text: '{"a":1}' },
    });
    expect(await service.get(mine(), plain?.id ?? '')).toMatchObject({
      kind: null,
      replayable: false,
      content: { bytes: 2, hex: '00ff', text: null },
    });
  });
});

describe('replay', () => {
  it('puts a letter back where it came from, once, and says by whom', async () => {
    const before = (await rawEntries()).length;
    await project(letter());
    const id = (await service.list(mine(), page)).items[0]?.id ?? '';
    const view = await service.replay(mine(), id);
    expect(view).toMatchObject({ replayable: false, replayedBy: 'Li Lei', replayedAt: new Date(start).toISOString() });
    const entries = await rawEntries();
    expect(entries).toHaveLength(before + 1);
    expect(decodeRawMessages(entries.at(-1)?.data ?? Buffer.alloc(0))).toMatchObject([{ kind: 'up', name: '7' }]);
    expect(await codeOf(service.replay(mine(), id))).toBe('409 dead_letter_replayed');
    expect((await service.discards(mine())).items[0]).toMatchObject({ count: 1, replayed: 1 });
    expect((await service.list(mine(), { ...page, replayed: 'false' })).items).toEqual([]);
  });

  it('refuses what nothing could read', async () => {
    await project(letter({ stream: '' }));
    const id = (await service.list(mine(), page)).items[0]?.id ?? '';
    expect(await codeOf(service.replay(mine(), id))).toBe('409 dead_letter_not_replayable');
  });

  it('puts back all that fit a filter, in order, up to a limit, and nobody else’s', async () => {
    build({ DEAD_LETTERS_REPLAY_LIMIT: '120' });
    const before = (await rawEntries()).length;
    await project(...Array.from({ length: 150 }, (_, n) => letter({ original: original(n) })));
    await project(letter({ reason: 'other' }), letter({ stream: '' }));
    expect(await service.replayAll(theirs(), {})).toEqual({ replayed: 0, more: false });
    const wanted = { reason: 'json_invalid' };
    expect(await service.replayAll(mine(), wanted)).toEqual({ replayed: 120, more: true });
    expect(await service.replayAll(mine(), wanted)).toEqual({ replayed: 30, more: false });
    const back = (await rawEntries()).slice(before).map((entry) => decodeRawMessages(entry.data)[0]?.name);
    expect(back).toEqual(Array.from({ length: 150 }, (_, n) => `${n}`));
  });
});

function original(n: number): Buffer {
  const [message] = decodeRawMessages(letter().original);
  return encodeRawMessages([{ ...(message as NonNullable<typeof message>), name: `${n}` }]);
}
