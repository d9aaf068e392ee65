import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  decodeRawMessages,
  encodeDeadLetters,
  encodeNormalisedMessages,
  encodeRawMessages,
  type FrameOutcome,
  messageIdOf,
  type NormalisedMessage,
  type RawMessage,
  streams,
} from '#libs/contracts';
import { createLogger, Metrics, ScriptedClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import type { Place, StageBatch, StageResult, StreamLog } from '#libs/stream';
import {
  loseEntry,
  loseRedisEntry,
  openTestStream,
  type RunningStage,
  runStage,
  testRedisLog,
} from '#libs/stream/testing';
import type { TelemetryStore } from '#libs/telemetry-store';
import { dropDatabase, openTestTelemetryStore, testInfluxdbStore } from '#libs/telemetry-store/testing';
import { differenceOf, type Reconciled, total } from './reconciliation.js';
import { ReconciliationService } from './reconciliation.service.js';

const start = Date.UTC(2026, 2, 10, 4);
const dayMs = 86_400_000;
const forever = Number.MAX_SAFE_INTEGER;
const bulk = (stream: string): Place => ({ stream, lane: 'bulk', partition: 1 });

/** A stream and a store under test, and how one loses an entry of the stream. */
interface Engines {
  log: StreamLog;
  store: TelemetryStore;
  lose(place: Place, position: number): Promise<void>;
  stop(): Promise<void>;
}

/** A stage as the normaliser is, by the payload: 'bad' is rejected, 'again' a duplicate, 'poison' more than it can take. */
async function normalise({ source, entries }: StageBatch): Promise<StageResult> {
  const { lane, partition } = source;
  const append: StageResult['append'] = entries.flatMap((entry) => {
    const normalised = decodeRawMessages(entry.data).map((raw, index) =>
      messageOf(raw, messageIdOf(lane, partition, entry.position, index)),
    );
    const letters = normalised.filter(({ outcome }) => outcome === 'rejected').map(letterOf);
    const place = { lane, partition };
    return [
      { ...place, stream: streams.readings, data: encodeNormalisedMessages(normalised) },
      ...(letters.length > 0 ? [{ ...place, stream: streams.deadLetters, data: encodeDeadLetters(letters) }] : []),
    ];
  });
  return { append };
}

function messageOf(raw: RawMessage, messageId: string): NormalisedMessage {
  const text = Buffer.from(raw.payload).toString();
  if (text === 'poison') throw new Error('poison');
  const outcome: FrameOutcome = text === 'bad' ? 'rejected' : text === 'again' ? 'duplicate' : 'decoded';
  const { tenantKey, deviceKey, productKey, receivedAt, payload } = raw;
  const reading = { metric: 'level', value: 1, quality: 0 };
  return {
    messageId,
    tenantKey,
    deviceKey,
    productKey,
    productVersion: 1,
    receivedAt,
    outcome,
    reason: outcome === 'rejected' ? 'bad' : '',
    decoder: 'json@1',
    frame: payload,
    reports: outcome === 'decoded' ? [{ observedAt: receivedAt, revision: 0, readings: [reading] }] : [],
  };
}

function letterOf({ messageId, tenantKey, deviceKey, frame, receivedAt }: NormalisedMessage) {
  const about = { stage: 'normaliser', stream: streams.raw, reason: 'bad', detail: 'bad' };
  return { id: messageId, ...about, tenantKey, deviceKey, messageId, at: receivedAt, original: frame };
}

function raw(...payloads: string[]) {
  const messages = payloads.map(
    (payload): RawMessage => ({
      kind: 'up',
      tenantKey: 'tenant',
      deviceKey: 'device',
      productKey: 'product',
      receivedAt: start,
      name: '',
      payload: Buffer.from(payload),
    }),
  );
  return { ...bulk(streams.raw), data: encodeRawMessages(messages) };
}

function describeReconciliation(open: (clock: ScriptedClock) => Promise<Engines>): void {
  let clock: ScriptedClock;
  let engines: Engines;
  let stages: RunningStage[] = [];

  const run = async (pattern: string, handle: (batch: StageBatch) => Promise<StageResult>) => {
    const settings = { STREAM_STAGE_ATTEMPTS: '1', STREAM_BULK_PACE_MS: '0' };
    const running = await runStage(engines.log, { pattern, settings, handle });
    stages.push(running);
    return running;
  };
  const normaliser = () => run('raw/normaliser', normalise);
  const readings = () =>
    run('readings/readings', async ({ source: { lane, partition }, entries }) => {
      await engines.store.append(entries.map((entry) => ({ ...entry, lane, partition })));
      return {};
    });
  const service = (metrics = new Metrics()) =>
    new ReconciliationService(engines.log, engines.store, createLogger('test', 'silent'), metrics);
  const sum = async (): Promise<Reconciled> => total(await service().look());
  const work = async () => {
    for (const stage of [await normaliser(), await readings()]) await stage.caughtUp();
    for (const stage of stages.splice(0)) await stage.stop();
  };

  afterEach(async () => {
    for (const stage of stages.splice(0)) await stage.stop();
    await engines.stop();
  });
  const begin = async () => {
    clock = new ScriptedClock(start);
    stages = [];
    engines = await open(clock);
    for (const [stream, group] of [
      ['raw', 'normaliser'],
      ['readings', 'readings'],
    ] as const)
      await engines.log.registerGroup(stream, group);
  };

  it('balances good, bad, repeated and poisonous messages, whichever stage has come how far', async () => {
    await begin();
    await engines.log.append([raw('good', 'bad', 'again'), raw('good'), raw('poison', 'good')]);
    expect(await sum()).toMatchObject({ acknowledged: 6, inFlight: { raw: 6, readings: 0 }, stored: 0 });
    await (await normaliser()).caughtUp();
    const normalised = await sum();
    expect(normalised).toMatchObject({
      acknowledged: 6,
      inFlight: { raw: 0, readings: 4 },
      deadLettered: { givenUp: 2 },
    });
    expect(differenceOf(normalised)).toBe(0);
    await (await readings()).caughtUp();
    const done = await sum();
    expect(done).toMatchObject({
      acknowledged: 6,
      stored: 3,
      deadLettered: { rejected: 1, givenUp: 2, unstorable: 0 },
      inFlight: { raw: 0, readings: 0 },
    });
    expect(differenceOf(done)).toBe(0);
    // A dead letter put back by a person is acknowledged anew.
    await engines.log.append([raw('good')]);
    await engines.log.append([
      {
        ...bulk(streams.readings),
        data: encodeNormalisedMessages([messageOf(decodeRawMessages(raw('good').data)[0] as RawMessage, 'b.1.9.0')]),
      },
    ]);
    await stages[0]?.caughtUp();
    await stages[1]?.caughtUp();
    const after = await sum();
    expect(after).toMatchObject({ acknowledged: 8, stored: 5 });
    expect(differenceOf(after)).toBe(0);
  });

  it('takes what retention has deleted for no loss', async () => {
    await begin();
    await engines.log.append([raw('good', 'bad'), raw('good')]);
    await work();
    await clock.advance(3 * dayMs);
    const old = { maxAgeMs: dayMs, maxBytes: forever };
    expect(
      await engines.log.trim([streams.raw, streams.readings].map((stream) => ({ stream, ...old }))),
    ).toBeGreaterThan(2);
    expect(await engines.store.deleteBefore({ reading: clock.now() - dayMs, hour: 0, day: 0 })).toBeGreaterThan(0);
    expect(
      await engines.store.frames({ deviceKey: 'device', range: { from: start - dayMs, to: start + dayMs }, limit: 9 }),
    ).toEqual([]);
    await engines.log.append([raw('good')]);
    await work();
    const now = await sum();
    expect(now).toMatchObject({ acknowledged: 4, stored: 3, deadLettered: { rejected: 1 } });
    expect(differenceOf(now)).toBe(0);
  });

  it('shows messages that vanish before the normaliser has them', async () => {
    await begin();
    await engines.log.append([raw('good'), raw('good', 'good', 'good'), raw('good')]);
    await engines.lose(bulk(streams.raw), 2);
    await work();
    const metrics = new Metrics();
    const places = await service(metrics).look();
    expect(total(places)).toMatchObject({ acknowledged: 5, stored: 2, missing: { raw: 3, readings: 0 }, surplus: 0 });
    expect(places.filter((place) => differenceOf(place) !== 0)).toMatchObject([{ lane: 'bulk', partition: 1 }]);
    const shown = (await metrics.render()).split('\n');
    expect(shown).toEqual(
      expect.arrayContaining([
        'reconciliation_messages{state="acknowledged"} 5',
        'reconciliation_messages{state="stored"} 2',
        'reconciliation_messages{state="in_flight"} 0',
        'reconciliation_difference 3',
      ]),
    );
  });

  it('shows messages that vanish before they are stored', async () => {
    await begin();
    await engines.log.append([raw('good', 'good')]);
    await (await normaliser()).caughtUp();
    await engines.log.append([raw('good')]);
    await stages[0]?.caughtUp();
    await stages.pop()?.stop();
    await engines.lose(bulk(streams.readings), 1);
    await work();
    expect(await sum()).toMatchObject({ acknowledged: 3, stored: 1, missing: { raw: 0, readings: 2 } });
  });

  it('shows an emptied store, until it has been filled again', async () => {
    await begin();
    await engines.log.append([raw('good', 'bad'), raw('good')]);
    await work();
    await engines.store.clear();
    expect(await sum()).toMatchObject({ acknowledged: 3, stored: 0, missing: { readings: 3 } });
    const source = { ...bulk(streams.readings), group: 'readings' };
    const entries = await engines.log.read(source, { after: 0, maxEntries: 10, maxBytes: 1e6 });
    const [first, ...others] = entries.map((entry) => ({ ...entry, lane: 'bulk' as const, partition: 1 }));
    if (!first) throw new Error('nothing to fill from');
    await engines.store.append([first]);
    expect((await sum()).missing.readings).toBe(others.length === 0 ? 0 : 1);
    await engines.store.append(others);
    expect(differenceOf(await sum())).toBe(0);
  });

  it('gives no figure while an engine is away', async () => {
    await begin();
    const metrics = new Metrics();
    service(metrics);
    expect(await metrics.render()).toContain('reconciliation_difference 0');
    await engines.store.stop();
    expect(await metrics.render()).not.toMatch(/^reconciliation_messages\{/m);
  });
}

describe('reconciliation on LMDB and DuckDB', () => {
  describeReconciliation(async (clock) => {
    const stream = await openTestStream({ clock });
    const { store, close } = await openTestTelemetryStore({ clock });
    return {
      log: stream.log,
      store,
      lose: (place, position) => loseEntry(stream.dir, place, position),
      stop: async () => {
        await close();
        await stream.stop();
      },
    };
  });
});

const offers = [serverOffer('redis'), serverOffer('influxdb')];
const offered = offers.every(({ available }) => available);

(offered ? describe : describe.skip)(`reconciliation on ${offers.map(({ title }) => title).join(' and ')}`, () => {
  let redis: TestServer;
  let influxdb: TestServer;
  beforeAll(async () => {
    [redis, influxdb] = await Promise.all([startServer('redis'), startServer('influxdb')]);
  }, 60_000);
  afterAll(async () => {
    await redis?.stop();
    await influxdb?.stop();
  });

  describeReconciliation(async (clock) => {
    const prefix = `test-${randomUUID()}`;
    const database = `test${randomUUID().replaceAll('-', '')}`;
    const log = await testRedisLog(redis.url, { prefix, clock });
    const store = testInfluxdbStore({ url: influxdb.url, database, clock });
    await Promise.all([log.start(), store.start()]);
    return {
      log,
      store,
      lose: (place, position) => loseRedisEntry(redis.url, prefix, place, position),
      stop: async () => {
        await store.stop();
        await log.stop();
        await dropDatabase(influxdb.url, database);
      },
    };
  });
});
