import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import type { Principal } from '#libs/access';
import { seedDevices } from '#libs/devices/testing';
import { products, productVersions, tenants } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Lifecycle, Metrics, type PlatformError, readConfig, ScriptedClock } from '#libs/runtime';
import { codecConfig, normaliserConfig } from '../normaliser.config.js';
import { NormaliserEngine } from '../normaliser.engine.js';
import type { DecodeRequest } from './dry-run.dto.js';
import { DryRunService } from './dry-run.service.js';
import { goldenFrameCheck } from './golden-frames.js';
import { ProductVersionRepository } from './product-version.repository.js';

const now = Date.UTC(2026, 10, 22, 0, 30);
let registry: TestRegistry;
let engine: NormaliserEngine;
let service: DryRunService;
let vendor: Principal;
let stranger: Principal;

beforeAll(async () => {
  registry = await openTestRegistry();
  await seedDevices(registry.database, { count: 1 });
  vendor = await principal('vendor');
  stranger = await principal('stranger');
  const [own] = await registry.database
    .insert(products)
    .values({
      id: 'vendor-meter',
      ownerTenantKey: vendor.tenantKey,
      nameZh: '表',
      nameEn: 'Meter',
      domain: 'water',
      lane: 'bulk',
    })
    .returning({ key: products.key });
  const thingModel = {
    properties: [{ identifier: 'battery', name: {}, type: 'number', kind: 'gauge', unit: 'V', range: [0, 20] }],
    events: [],
    commands: [],
  };
  const codec = (script: string) => ({
    kind: 'codec',
    script,
    mapping: [{ field: 'v', metric: 'battery', scale: 0.1 }],
  });
  for (const [version, script] of [
    'function decodeUplink(i) { return { data: { v: i.bytes[0] } }; }',
    'function decodeUplink(i) {\n  return i.nothing.here;\n}',
  ].entries()) {
    await registry.database.insert(productVersions).values({
      productKey: own?.key ?? '',
      version: version + 1,
      thingModel,
      decoder: codec(script),
      expectedIntervalMs: 60_000,
    });
  }
  const metrics = new Metrics();
  const runtime = { timeZone: 'Asia/Shanghai' } as ConstructorParameters<typeof NormaliserEngine>[2];
  const clock = new ScriptedClock(now);
  engine = new NormaliserEngine(
    readConfig(normaliserConfig, {}),
    readConfig(codecConfig, { CODEC_WATCHDOG_MS: '10000' }),
    runtime,
    metrics,
    clock,
  );
  const lifecycle = new Lifecycle(createLogger('test', 'silent'));
  service = new DryRunService(engine, new ProductVersionRepository(registry.database), clock, lifecycle);
});

afterAll(async () => {
  await engine.codecs.stop();
  await registry.stop();
});

async function principal(id: string): Promise<Principal> {
  const [tenant] = await registry.database.insert(tenants).values({ id, name: id }).returning({ key: tenants.key });
  return {
    kind: 'user',
    key: id,
    accountKey: id,
    name: id,
    tenantKey: tenant?.key ?? '',
    allTenants: false,
    roles: ['vendor'],
    permissions: new Set(),
    ip: '',
  };
}

function decode(product: string, request: Partial<DecodeRequest>, as = vendor) {
  return service.decode(as, product, { kind: 'up', ...request });
}

async function failure(running: Promise<unknown>): Promise<string> {
  const error = (await running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as PlatformError | undefined;
  return `${error?.status} ${error?.code} ${JSON.stringify((error?.extra as { errors?: unknown })?.errors ?? '')}`;
}

describe('a dry run', () => {
  it('shows what a version makes of a frame', async () => {
    expect(await decode('vendor-meter', { hex: '21', version: 1, port: 2 })).toEqual({
      outcome: 'decoded',
      decoder: 'codec@1',
      version: 1,
      reports: [
        {
          observedAt: '2026-11-22T00:30:00.000Z',
          deviceTime: null,
          seq: null,
          revision: 0,
          event: null,
          readings: [{ metric: 'battery', value: 3.3, unit: 'V', quality: ['good'] }],
        },
      ],
      warnings: [],
      errors: [],
      logs: [],
      elapsedMs: expect.any(Number),
    });
  });

  it('takes the version that devices use, else the latest', async () => {
    expect((await decode('vendor-meter', { hex: '21' })).version).toBe(2);
    await registry.database.update(products).set({ currentVersion: 1 }).where(eq(products.id, 'vendor-meter'));
    expect((await decode('vendor-meter', { hex: '21' })).version).toBe(1);
  });

  it('shows where in the script it failed', async () => {
    const result = await decode('vendor-meter', { hex: '21', version: 2 });
    expect(result).toMatchObject({
      outcome: 'rejected',
      errors: [{ reason: 'codec_exception', position: { line: 2, column: expect.any(Number) } }],
    });
  });

  it('tries a draft, and shows what it prints', async () => {
    const script =
      'function decodeUplink(i) { console.log("port", i.fPort); return { data: { v: "33" }, warnings: ["old firmware"] }; }';
    const draft = { decoder: { kind: 'codec', script, mapping: [{ field: 'v', metric: 'battery', scale: 0.1 }] } };
    const result = await decode('vendor-meter', { base64: 'IQ==', port: 7, draft });
    expect(result).toMatchObject({
      logs: ['port 7'],
      warnings: [{ kind: 'codec_warning', detail: 'old firmware' }, { kind: 'coerced' }],
    });
    expect(result.reports[0]?.readings).toEqual([{ metric: 'battery', value: 3.3, unit: 'V', quality: ['coerced'] }]);
  });

  it('reads telemetry, events and built-in products', async () => {
    const telemetry = await decode('water-meter', { kind: 'telemetry', text: '{"time":0,"values":{"battery":3}}' });
    expect(telemetry.reports[0]).toMatchObject({
      deviceTime: '1970-01-01T00:00:00.000Z',
      readings: [{ quality: ['clock_suspect'] }],
    });
    const event = await decode('water-meter', { kind: 'event', event: 'burst', text: '' });
    expect(event.reports).toMatchObject([{ event: 'burst', readings: [] }]);
  });

  it.each<[string, Partial<DecodeRequest>, string]>([
    ['missing', { hex: '21' }, '404 product_not_found ""'],
    ['vendor-meter', { hex: '21', version: 9 }, '404 product_version_not_found ""'],
    ['vendor-meter', {}, '400 validation_failed [{"field":"hex","problem":"0 of hex, base64 and text are given"}]'],
    [
      'vendor-meter',
      { hex: '21', text: '' },
      '400 validation_failed [{"field":"hex","problem":"2 of hex, base64 and text are given"}]',
    ],
    ['vendor-meter', { hex: '2' }, '400 validation_failed [{"field":"hex","problem":"is not two digits per byte"}]'],
    ['vendor-meter', { hex: '21', kind: 'event' }, '400 validation_failed [{"field":"event","problem":"is missing"}]'],
    [
      'vendor-meter',
      { hex: '21', draft: { decoder: { kind: 'cobol' } } },
      '400 validation_failed [{"field":"draft.decoder.kind"',
    ],
    ['vendor-meter', { hex: '21', draft: { model: {} } }, '400 validation_failed [{"field":"draft"'],
  ])('of %s with %j answers %s', async (product, request, wanted) => {
    expect(await failure(decode(product, request))).toContain(wanted);
  });

  it("answers 404 for another tenant's product", async () => {
    expect(await failure(decode('vendor-meter', { hex: '21' }, stranger))).toBe('404 product_not_found ""');
  });
});

describe('golden frames', () => {
  const version = {
    version: 1,
    lane: 'bulk' as const,
    thingModel: {
      properties: [
        { identifier: 'battery', name: { zh: '', en: '' }, type: 'number' as const, kind: 'gauge' as const, unit: 'V' },
      ],
      events: [],
      commands: [],
    },
    decoder: {
      kind: 'codec' as const,
      script: "function decodeUplink(i) { return i.fPort === 1 ? { data: { v: i.bytes[0] } } : { errors: ['port'] }; }",
      mapping: [{ field: 'v', metric: 'battery', scale: 0.1 }],
    },
  };

  it('pass where they decode to what they must, and say what came instead where not', async () => {
    const frame = { kind: 'up' as const, hex: '21', port: 1 };
    const problems = await goldenFrameCheck(engine)(version, [
      { ...frame, name: 'right', expected: { battery: 3.3 } },
      { ...frame, name: 'wrong', expected: { battery: 3.4, pressure: 1 } },
      { ...frame, name: 'refused', port: 2, expected: { battery: 3.3 } },
      {
        name: 'telemetry',
        kind: 'telemetry',
        hex: Buffer.from('{"values":{"battery":3}}').toString('hex'),
        expected: { battery: 3 },
      },
    ]);
    expect(problems.map(({ frame: name, problem }) => `${name}: ${problem}`)).toEqual([
      'wrong: battery is 3.3 instead of 3.4.',
      'wrong: pressure is missing instead of 1.',
      'refused: It is refused with codec_error: The codec refused the frame: port',
    ]);
  });
});
