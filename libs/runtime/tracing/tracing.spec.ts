import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError, readConfig } from '../config.js';
import { Lifecycle } from '../lifecycle.js';
import { createLogger } from '../logger.js';
import { Metrics } from '../metrics.js';
import { OtlpReceiver } from '../testing/index.js';
import { parseTraceparent, traceOfMessage, traceparentOf } from './span-reference.js';
import { tracesUrl, tracingConfig } from './tracing.config.js';
import { Tracing } from './tracing.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('traceparent', () => {
  it.each([
    [`00-${traceId}-${spanId}-01`, { traceId, spanId, sampled: true }],
    [`00-${traceId}-${spanId}-00`, { traceId, spanId, sampled: false }],
    [`cc-${traceId}-${spanId}-03-what-comes`, { traceId, spanId, sampled: true }],
    [`ff-${traceId}-${spanId}-01`, undefined],
    [`00-${'0'.repeat(32)}-${spanId}-01`, undefined],
    [`00-${traceId}-${'0'.repeat(16)}-01`, undefined],
    [`00-${traceId.toUpperCase()}-${spanId}-01`, undefined],
    ['', undefined],
    [undefined, undefined],
    [['a', 'b'], undefined],
  ])('%j is read as %j', (text, reference) => {
    expect(parseTraceparent(text)).toEqual(reference);
    if (reference && String(text).startsWith('00')) expect(traceparentOf(reference)).toBe(text);
  });

  it('follows from the raw entry of a message, and from nothing else', () => {
    const one = traceOfMessage('u.3.1542.7');
    expect(one).toEqual({
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(traceOfMessage('u.3.1542.0')).toEqual(one);
    for (const other of ['b.3.1542.7', 'u.4.1542.7', 'u.3.1543.7']) expect(traceOfMessage(other)).not.toEqual(one);
    expect(traceOfMessage('')).toBeUndefined();
  });
});

describe('the settings of tracing', () => {
  it.each([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp/' }, 'https://c/otlp/v1/traces'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://d/spans' },
      'http://d/spans',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }, undefined],
  ])('%j send to %s', (environment, url) => {
    expect(tracesUrl(readConfig(tracingConfig, environment))).toBe(url);
  });

  it('read headers and attributes as pairs', () => {
    const { headers, resourceAttributes } = readConfig(tracingConfig, {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x, b = c=d ',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=%E5%9F%8E',
    });
    expect(headers).toEqual({ authorization: 'Bearer x', b: 'c=d' });
    expect(resourceAttributes).toEqual({ 'deployment.environment.name': '城' });
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret=%zz'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '2'],
  ])('refuse %s=%s, without showing a secret', (name, value) => {
    const read = () => readConfig(tracingConfig, { [name]: value });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(name);
    if (name.endsWith('HEADERS')) expect(read).not.toThrow(/secret/);
  });
});

describe('tracing', () => {
  let receiver: OtlpReceiver;
  let metrics: Metrics;
  let lifecycle: Lifecycle;
  beforeEach(async () => {
    receiver = await OtlpReceiver.open();
  });
  afterEach(async () => {
    await lifecycle?.stop();
    receiver.stop();
  });

  async function start(environment: Record<string, string>): Promise<Tracing> {
    const logger = createLogger('test', 'silent');
    metrics = new Metrics();
    lifecycle = new Lifecycle(logger);
    const tracing = Tracing.of('test', readConfig(tracingConfig, environment), { logger, metrics, lifecycle });
    await lifecycle.start();
    return tracing;
  }
  const at = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
  const counted = async (outcome: string) =>
    Number(
      / (\d+)$/m.exec((await metrics.render()).split('\n').find((line) => line.includes(`"${outcome}"`)) ?? ' 0')?.[1],
    );

  it('sends nested spans with their attributes, links, failure and chosen ids', async () => {
    const tracing = await start({ ...at(), OTEL_EXPORTER_OTLP_HEADERS: 'x-token=t', OTEL_RESOURCE_ATTRIBUTES: 'a=b' });
    const outer = tracing.begin('outer', { identity: { traceId, spanId }, startedAt: 1_000, attributes: { n: 1 } });
    const failing = tracing.around(outer, async () => {
      const inner = tracing.begin('inner', { parent: tracing.running(), kind: 'client' });
      await tracing.around(inner, () => Promise.resolve());
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(tracing.running()).toBeUndefined();
    const other = tracing.begin('other', { links: [{ traceId, spanId, sampled: true }] });
    other?.end();
    await lifecycle.stop();
    const [inner, root, linked] = ['inner', 'outer', 'other'].map((name) =>
      receiver.spans.find((s) => s.name === name),
    );
    expect(root).toMatchObject({ service: 'citysense-test', traceId, spanId, attributes: { n: 1 } });
    expect(root?.parentSpanId).toBeUndefined();
    expect(root).toMatchObject({ startTimeUnixNano: '1000000000', status: { code: 2, message: 'no' } });
    expect(inner).toMatchObject({ traceId, parentSpanId: spanId, kind: 3 });
    expect(linked?.links).toMatchObject([{ traceId, spanId }]);
    expect(linked?.traceId).not.toBe(traceId);
    expect(receiver.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-token': 't' } });
    expect([await counted('ended'), await counted('exported'), await counted('failed')]).toEqual([3, 3, 0]);
    expect(tracing.begin('after the end')).toBeUndefined();
  });

  it('speaks protobuf unless told otherwise', async () => {
    const tracing = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'city-a' });
    tracing.begin('one span')?.end();
    await lifecycle.stop();
    const [request] = receiver.requests;
    expect(request?.headers['content-type']).toBe('application/x-protobuf');
    for (const text of ['one span', 'city-a', 'service.name']) expect(request?.body.includes(text)).toBe(true);
  });

  it('keeps whole traces by their ids, the same in every process, and those that a caller keeps', async () => {
    const some = { ...at(), OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
    const tracing = await start(some);
    const ids = Array.from({ length: 200 }, (_, n) => traceOfMessage(`u.1.${n}.0`)?.traceId ?? '');
    const kept = ids.filter((id) => tracing.keeps(id));
    expect(kept.length).toBeGreaterThan(60);
    expect(kept.length).toBeLessThan(140);
    for (const id of ids) {
      expect(tracing.begin('x', { identity: { traceId: id } })?.reference.sampled).toBe(kept.includes(id));
    }
    for (const sampled of [true, false]) {
      const span = tracing.begin('x', { parent: { traceId, spanId, sampled } });
      expect(span?.reference).toMatchObject({ traceId, sampled });
    }
  });

  it('loses spans and nothing else where the receiver takes none, and counts them', async () => {
    receiver.status = 400;
    const tracing = await start(at());
    tracing.begin('lost')?.end();
    await lifecycle.stop();
    expect([await counted('ended'), await counted('exported'), await counted('failed')]).toEqual([1, 0, 1]);
  });

  it('loads nothing of OpenTelemetry where no receiver is configured', () => {
    const load = (endpoint: string) =>
      execFileSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { createRequire } from 'node:module';
           const { Lifecycle, Metrics, Tracing, createLogger, readConfig, tracingConfig } = await import('#libs/runtime');
           const logger = createLogger('test', 'silent');
           const lifecycle = new Lifecycle(logger);
           const config = readConfig(tracingConfig, { OTEL_EXPORTER_OTLP_ENDPOINT: '${endpoint}' });
           const tracing = Tracing.of('test', config, { logger, lifecycle, metrics: new Metrics() });
           await lifecycle.start();
           const loaded = Object.keys(createRequire(import.meta.url).cache).filter((name) => name.includes('opentelemetry/sdk-trace'));
           console.log(JSON.stringify([loaded.length > 0, tracing.begin('x') !== undefined]));
           process.exit(0);`,
        ],
        { encoding: 'utf8' },
      ).trim();
    expect(load('')).toBe('[false,false]');
    expect(load('http://127.0.0.1:9')).toBe('[true,true]');
  });
});
