import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import {
  type DeadLetter,
  decodeDeadLetters,
  decodeNormalisedMessages,
  decodeRawMessages,
  encodeRawMessages,
  type Lane,
  type NormalisedMessage,
  partitionOf,
  type RawMessage,
} from '#libs/contracts';
import { type BuiltInProduct, builtInProducts } from '#libs/devices';
import { openTestDirectory, type Seeded, seedDevices, type TestDirectory } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Lifecycle, Metrics, readConfig, ScriptedClock } from '#libs/runtime';
import { openTestStream, type RunningStage, runStage, type TestStream } from '#libs/stream/testing';
import { WindowStore } from './dedupe/window-store.js';
import { codecConfig, normaliserConfig } from './normaliser.config.js';
import { NormaliserEngine } from './normaliser.engine.js';
import { NormaliserMetrics } from './normaliser.metrics.js';
import { NormaliserService } from './normaliser.service.js';
import { NormaliserStage } from './normaliser.stage.js';

const now = Date.UTC(2026, 10, 22, 0, 30);
const codecMeter: BuiltInProduct = {
  ...(builtInProducts.find((product) => product.id === 'water-meter') as BuiltInProduct),
  id: 'codec-meter',
  decoder: {
    kind: 'codec',
    script: `function decodeUplink(input) {
      if (input.fPort === 9) while (true);
      return { data: { volts: input.bytes[0] / 10, litres: input.bytes[1] * input.variables.litresPerPulse } };
    }`,
    mapping: [
      { field: 'volts', metric: 'battery' },
      { field: 'litres', metric: 'metering.water.total' },
    ],
  },
};
const newestMeter: BuiltInProduct = {
  ...(builtInProducts.find((product) => product.id === 'water-meter') as BuiltInProduct),
  id: 'newest-meter',
};

let registry: TestRegistry;
let devices: TestDirectory;
let meter: Seeded;
let cjt188: Seeded;
let codec: Seeded;
let stream: TestStream;
let stage: RunningStage;
let engine: NormaliserEngine;
let metrics: Metrics;

beforeAll(async () => {
  registry = await openTestRegistry();
  meter = await seedDevices(registry.database, { count: 3 });
  cjt188 = await seedDevices(registry.database, { product: 'water-meter-cjt188' });
  codec = await seedDevices(registry.database, {
    product: 'codec-meter',
    products: [codecMeter],
    settings: { litresPerPulse: 10 },
  });
  devices = await openTestDirectory(registry.database);
});

afterAll(async () => {
  await devices.stop();
  await registry.stop();
});

beforeEach(async () => {
  stream = await openTestStream({ partitions: 2 });
  await startStage();
});

afterEach(async () => {
  await stopStage();
  await stream.stop();
});

async function startStage({ catalogue, directory } = devices): Promise<void> {
  metrics = new Metrics();
  const clock = new ScriptedClock(now);
  const config = readConfig(normaliserConfig, {});
  const runtime = { timeZone: 'Asia/Shanghai' } as ConstructorParameters<typeof NormaliserEngine>[2];
  engine = new NormaliserEngine(
    config,
    readConfig(codecConfig, { CODEC_WATCHDOG_MS: '10000' }),
    runtime,
    metrics,
    clock,
  );
  const windows = new WindowStore(stream.log, config);
  const service = new NormaliserService(engine, catalogue, directory, windows, new NormaliserMetrics(metrics));
  const handler = new NormaliserStage(service, windows, engine, new Lifecycle(createLogger('test', 'silent')));
  stage = await runStage(stream.log, {
    pattern: 'raw/normaliser',
    handle: (batch) => handler.handle(batch),
    reset: (source) => handler.reset(source),
    metrics,
  });
}

async function stopStage(): Promise<void> {
  await stage.stop();
  await engine.codecs.stop();
}

function raw(of: Seeded, change: Partial<RawMessage> & { json?: unknown; hex?: string; device?: number }): RawMessage {
  const { json, hex, device = 0, ...rest } = change;
  return {
    kind: 'telemetry',
    tenantKey: of.tenantKey,
    deviceKey: of.devices[device]?.key ?? '',
    productKey: of.productKey,
    receivedAt: now,
    name: '',
    payload: hex === undefined ? Buffer.from(json === undefined ? '' : JSON.stringify(json)) : Buffer.from(hex, 'hex'),
    ...rest,
  };
}

/** Appends messages as the gateway does, and waits for the stage. */
async function send(messages: readonly RawMessage[], lane: Lane = 'bulk'): Promise<void> {
  const partitions = [0, 1].map((partition) => messages.filter((one) => partitionOf(one.deviceKey, 2) === partition));
  await stream.log.append(
    partitions.flatMap((group, partition) =>
      group.length === 0 ? [] : [{ stream: 'raw', lane, partition, data: encodeRawMessages(group) }],
    ),
  );
  await stage.caughtUp();
}

async function entries<T>(name: string, decode: (data: Uint8Array) => T[], lane: Lane = 'bulk'): Promise<T[]> {
  const found: T[] = [];
  for (const partition of [0, 1]) {
    const source = { stream: name, group: 'spec', lane, partition };
    for (const entry of await stream.log.read(source, { after: 0, maxEntries: 1000, maxBytes: 1 << 24 })) {
      found.push(...decode(entry.data));
    }
  }
  return found;
}

const readings = (lane?: Lane): Promise<NormalisedMessage[]> => entries('readings', decodeNormalisedMessages, lane);
const letters = (lane?: Lane): Promise<DeadLetter[]> => entries('dead-letters', decodeDeadLetters, lane);

async function counted(name: string): Promise<Record<string, number>> {
  const values = (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
  return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

describe('the normaliser stage', () => {
  it('passes on what every kind of message says, in order per device and in the lane it came in', async () => {
    const time = now - 1000;
    await send(
      [
        raw(meter, { kind: 'connected' }),
        raw(meter, { json: { time, seq: 1, values: { 'metering.water.total': 12.5, battery: 3.6 } } }),
        raw(meter, { kind: 'event', name: 'burst', json: { time } }),
        raw(meter, { kind: 'up', json: { values: { flowRate: 3 } } }),
        raw(codec, { kind: 'up', name: '2', hex: '2105' }),
        raw(meter, { kind: 'disconnected' }),
      ],
      'urgent',
    );
    const all = await readings('urgent');
    const ofMeter = all.filter((one) => one.deviceKey === meter.devices[0]?.key);
    expect(ofMeter.map((one) => one.outcome)).toEqual(['connected', 'decoded', 'decoded', 'decoded', 'disconnected']);
    expect(ofMeter.map((one) => one.decoder)).toEqual(['', 'json@1', 'json@1', 'json@1', '']);
    expect(ofMeter[1]).toMatchObject({
      messageId: expect.stringMatching(/^u\.\d\.1\.1$/),
      tenantKey: meter.tenantKey,
      productKey: meter.productKey,
      productVersion: 1,
      receivedAt: now,
      reports: [
        {
          observedAt: time,
          seq: 1,
          revision: 0,
          readings: [
            { metric: 'metering.water.total', value: 12.5, quality: 0 },
            { metric: 'battery', value: 3.6, quality: 0 },
          ],
        },
      ],
    });
    expect(ofMeter[2]?.reports).toMatchObject([{ event: 'burst', observedAt: time, readings: [] }]);
    const [fromCodec] = all.filter((one) => one.deviceKey === codec.devices[0]?.key);
    expect(fromCodec).toMatchObject({ decoder: 'codec@1', outcome: 'decoded', frame: Buffer.from('2105', 'hex') });
    expect(fromCodec?.reports[0]?.readings).toEqual([
      { metric: 'battery', value: 3.3, quality: 0 },
      { metric: 'metering.water.total', value: 50, quality: 0 },
    ]);
    expect(await readings('bulk')).toEqual([]);
    expect(await counted('normaliser_messages_total')).toEqual({ connected: 1, decoded: 4, disconnected: 1 });
  });

  it('reads CJ/T 188 bytes with the built-in decoder', async () => {
    const hex = '68105544332211003381161f9001563412002c000012002c003008221126200000a816';
    await send([raw(cjt188, { kind: 'up', hex })]);
    const [message] = await readings();
    expect(message).toMatchObject({ decoder: 'cjt188@1', outcome: 'decoded' });
    expect(message?.reports[0]?.observedAt).toBe(Date.parse('2026-11-22T08:30:00+08:00'));
    expect(message?.reports[0]?.readings).toEqual([
      { metric: 'metering.water.total', value: 1_234_560, quality: 0 },
      { metric: 'settlementTotal', value: 1_200_000, quality: 0 },
      { metric: 'valve', value: 'open', quality: 0 },
      { metric: 'batteryLow', value: false, quality: 0 },
      { metric: 'meterNumber', value: '33001122334455', quality: 0 },
      { metric: 'mediumType', value: 'cold', quality: 0 },
    ]);
  });

  it('puts what it refuses into the ledger and among the dead letters, and goes on', async () => {
    const bad = raw(meter, { payload: Buffer.from('{"values":{"battery":NaN}}') });
    const unknown = raw(meter, { productKey: '01890000-0000-7000-8000-000000000000', json: { values: { a: 1 } } });
    const looping = raw(codec, { kind: 'up', name: '9', hex: '2105' });
    await send([
      bad,
      looping,
      unknown,
      raw(meter, { json: { values: { battery: 3 } } }),
      raw(codec, { kind: 'up', hex: '2105' }),
    ]);
    const all = await readings();
    expect(all.map((one) => `${one.outcome} ${one.reason}`).sort()).toEqual([
      'decoded ',
      'decoded ',
      'rejected codec_timeout',
      'rejected json_invalid',
      'rejected product_unknown',
    ]);
    const refused = await letters();
    expect(refused.map((letter) => letter.reason).sort()).toEqual(['codec_timeout', 'json_invalid', 'product_unknown']);
    const letter = refused.find((one) => one.reason === 'json_invalid');
    expect(letter).toMatchObject({
      id: `normaliser:${letter?.messageId}`,
      stage: 'normaliser',
      stream: 'raw',
      tenantKey: meter.tenantKey,
      deviceKey: bad.deviceKey,
      at: now,
      detail: expect.stringContaining('NaN'),
    });
    expect(decodeRawMessages(letter?.original ?? Buffer.alloc(0))).toEqual([bad]);
    expect(await counted('discards_total')).toEqual({
      'normaliser codec_timeout': 1,
      'normaliser json_invalid': 1,
      'normaliser product_unknown': 1,
    });
  });

  it('waits for the registry where only that can tell the product, and refuses nothing meanwhile', async () => {
    await stopStage();
    const unaware = await openTestDirectory(registry.database, { environment: { DEVICES_POLL_MS: '60000' } });
    const newest = await seedDevices(registry.database, { product: 'newest-meter', products: [newestMeter] });
    await registry.database.execute(sql`alter table product_versions rename to versions_away`);
    await startStage(unaware);
    const sent = send([raw(newest, { json: { values: { battery: 3 } } })]);
    const waits = async () => ((await counted('stage_failures_total'))['normaliser raw transient'] ?? 0) > 0;
    for (let round = 0; round < 1_000 && !(await waits()); round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await registry.database.execute(sql`alter table versions_away rename to product_versions`);
    await sent;
    expect((await readings()).map((one) => one.outcome)).toEqual(['decoded']);
    expect(await letters()).toEqual([]);
    await unaware.stop();
  });

  it('drops what is sent twice once, also over a restart, and shows a contradiction', async () => {
    const first = { time: now - 5000, seq: 1, values: { battery: 3.6 } };
    const long = Array.from({ length: 200 }, (_, seq) => ({
      time: now - 1_000_000 + seq,
      seq,
      values: { battery: 3 },
    }));
    await send([raw(meter, { json: first }), raw(meter, { device: 1, json: long })]);
    await stopStage();
    await startStage();
    await send([
      raw(meter, { json: first, receivedAt: now + 60_000 }),
      raw(meter, { device: 1, json: long, receivedAt: now + 60_000 }),
      raw(meter, { json: { ...first, revision: 1, values: { battery: 3.5 } } }),
      raw(meter, { json: { ...first, revision: 1, values: { battery: 3.4 } } }),
      raw(meter, { json: { ...first, values: { battery: 3.6, flowRate: 1 } } }),
      raw(meter, { device: 2, json: { values: { battery: 3 } } }),
      raw(meter, { device: 2, json: { values: { battery: 3 } } }),
    ]);
    const all = await readings();
    const shown = (device: number) =>
      all
        .filter((one) => one.deviceKey === meter.devices[device]?.key)
        .map((one) => `${one.outcome}${one.reason && ` ${one.reason}`} ${one.reports.length}`);
    expect(shown(0)).toEqual(['decoded 1', 'duplicate 0', 'decoded 1', 'duplicate identity_conflict 0', 'decoded 1']);
    expect(shown(1)).toEqual(['decoded 200', 'duplicate 0']);
    expect(shown(2)).toEqual(['decoded 1', 'decoded 1']);
    expect((await letters()).map((letter) => letter.reason)).toEqual(['identity_conflict']);
    expect(await counted('discards_total')).toEqual({
      'normaliser duplicate': 201,
      'normaliser identity_conflict': 1,
      'normaliser duplicate_reading': 1,
    });
  });

  it('keeps nothing it learnt from a batch whose commit failed', async () => {
    const message = raw(meter, { json: { time: now, seq: 1, values: { battery: 3.6 } } });
    const commit = stream.log.commit.bind(stream.log);
    let failures = 0;
    stream.log.commit = (one) => {
      if (one.source.group === 'normaliser' && failures === 0) {
        failures += 1;
        return Promise.reject(new Error('the commit failed'));
      }
      return commit(one);
    };
    await send([message]);
    expect(failures).toBe(1);
    expect((await readings()).map((one) => one.outcome)).toEqual(['decoded']);
  });

  it('cuts a large batch into several entries and loses nothing', async () => {
    const text = 'x'.repeat(4000);
    const messages = Array.from({ length: 400 }, (_, seq) =>
      raw(meter, { json: { time: now - seq, seq, values: { firmwareVersion: text } } }),
    );
    await send(messages);
    expect((await readings()).map((one) => one.reports[0]?.seq)).toEqual(messages.map((_, seq) => seq));
    const partition = partitionOf(meter.devices[0]?.key ?? '', 2);
    const source = { stream: 'readings', group: 'spec', lane: 'bulk' as const, partition };
    expect((await stream.log.read(source, { after: 0, maxEntries: 100, maxBytes: 1 << 24 })).length).toBeGreaterThan(3);
  });
});
