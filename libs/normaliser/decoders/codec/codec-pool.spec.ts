import { afterEach, describe, expect, it } from '@jest/globals';
import { Metrics, readConfig, ScriptedClock } from '#libs/runtime';
import { codecConfig } from '../../normaliser.config.js';
import type { CodecAnswer } from './codec-answer.js';
import { CodecPool } from './codec-pool.js';

const start = Date.UTC(2026, 10, 22);
/** Each turn of the loop is native work of milliseconds, so that the interpreter's ticks come far too late. */
const nativeLoop = `const long = 'x'.repeat(1 << 20); while (true) long.indexOf('y');`;

let pool: CodecPool;
let metrics: Metrics;
let clock: ScriptedClock;

/** What stays within its ticks and memory must not meet the watchdog, however busy the machine that runs the test. */
const unwatched = { CODEC_WATCHDOG_MS: '10000' };

function open(settings: Record<string, string> = unwatched): CodecPool {
  metrics = new Metrics();
  clock = new ScriptedClock(start);
  pool = new CodecPool(readConfig(codecConfig, settings), clock, metrics);
  return pool;
}

afterEach(() => pool.stop());

function run(script: string, count: number, options: { tenantKey?: string; codec?: string; urgent?: boolean } = {}) {
  return pool.run({
    codec: options.codec ?? script,
    tenantKey: options.tenantKey ?? 'tenant',
    script,
    frames: Array.from({ length: count }, (_, index) => ({ bytes: [index], fPort: 1, recvTime: start, variables: {} })),
    urgent: options.urgent ?? false,
  });
}

function outline(answers: readonly CodecAnswer[]): string {
  return answers.map((answer) => (answer.kind === 'answered' ? '.' : `[${answer.reason}]`)).join('');
}

async function count(name: string): Promise<number> {
  return (await metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
}

describe('a codec that is well', () => {
  it('answers every frame in order, over many batches and tenants at once', async () => {
    open();
    const script = 'function decodeUplink(input) { return { data: { n: input.bytes[0], port: input.fPort } }; }';
    const all = await Promise.all(['a', 'b', 'c'].map((tenantKey) => run(script, 250, { tenantKey })));
    for (const answers of all) {
      expect(answers.map((answer) => (answer.kind === 'answered' ? (answer.data as { n: number }).n : -1))).toEqual(
        Array.from({ length: 250 }, (_, index) => index),
      );
    }
    expect(await count('codec_calls_total')).toBe(750);
  });

  it('keeps nothing of one tenant for another', async () => {
    open();
    const script =
      'var seen = []; function decodeUplink(input) { seen.push(input.bytes[0]); return { data: { seen: seen.length } }; }';
    await run(script, 5, { tenantKey: 'a' });
    const [first] = await run(script, 1, { tenantKey: 'b' });
    expect(first).toMatchObject({ data: { seen: 1 } });
  });

  it('prints for its author, within bounds', async () => {
    open();
    const [answer] = await run(
      `function decodeUplink(input) { for (var i = 0; i < 1000; i++) console.log('n', i, { a: 1 }, 'x'.repeat(10000)); return { data: {} }; }`,
      1,
    );
    expect(answer?.logs.length).toBeLessThanOrEqual(50);
    expect(answer?.logs[0]?.length).toBeLessThanOrEqual(500);
  });
});

describe('a codec that is not', () => {
  it('loses the frame it loops on, and no other', async () => {
    open();
    const answers = await run(
      'function decodeUplink(input) { if (input.bytes[0] === 3) while (true); return { data: {} }; }',
      6,
    );
    expect(outline(answers)).toBe('...[codec_timeout]..');
    expect(await count('codec_kills_total')).toBe(0);
  });

  it('is killed from outside where native calls escape the ticks, and loses that frame alone', async () => {
    open({ CODEC_WATCHDOG_MS: '250' });
    const answers = await run(
      `function decodeUplink(input) { if (input.bytes[0] === 3) { ${nativeLoop} } return { data: {} }; }`,
      6,
    );
    expect(outline(answers)).toBe('...[codec_timeout]..');
    expect(await count('codec_kills_total')).toBe(2);
  });

  it('is killed where its script does not load', async () => {
    open({ CODEC_WATCHDOG_MS: '250' });
    const answers = await run(`${nativeLoop} function decodeUplink(input) { return { data: {} }; }`, 3);
    expect(outline(answers)).toBe('[codec_timeout][codec_timeout][codec_timeout]');
  });

  it('is suspended when it keeps doing it, and is tried again later', async () => {
    open({ ...unwatched, CODEC_FAILURES: '3', CODEC_SUSPENSION_MS: '60000' });
    const script = 'function decodeUplink(input) { if (input.bytes[0] < 5) while (true); return { data: {} }; }';
    const first = await run(script, 5);
    expect(outline(first)).toMatch(/^(\[codec_timeout\]){3,5}(\[codec_suspended\])*$/);
    expect(outline(await run(script, 2))).toBe('[codec_suspended][codec_suspended]');
    expect(outline(await run('function decodeUplink() { return { data: {} }; }', 2))).toBe('..');
    await clock.advance(60_001);
    expect(outline(await run(script, 7))).toMatch(/codec_timeout/);
    expect(await count('codec_suspensions_total')).toBeGreaterThanOrEqual(1);
  });

  it.each([
    ['a list that grows', 'var all = []; while (true) all.push(new Array(1000).fill(1));', 'codec_out_of_memory'],
    ['texts that add up', `var all = []; while (true) all.push('abc'.repeat(1 << 18));`, 'codec_out_of_memory'],
    ['a text that doubles', `var text = 'x'; while (true) text += text;`, 'codec_exception'],
    ['a buffer', 'var all = []; while (true) all.push(new Uint8Array(1 << 20));', 'codec_out_of_memory'],
    ['a pattern that backtracks', `/^(a+)+$/.test('a'.repeat(40) + 'b');`, 'codec_timeout'],
    ['depth', 'function down() { return down() + 1; } down();', 'codec_exception'],
    [
      'a proxy that never ends',
      'return { data: new Proxy({}, { ownKeys: function () { while (true); } }) };',
      'codec_timeout',
    ],
    ['a toJSON that never ends', 'return { data: { toJSON: function () { while (true); } } };', 'codec_timeout'],
    ['an error that cannot be read', 'throw { get message() { throw 1; } };', 'codec_exception'],
    ['a circle', 'var data = {}; data.data = data; return { data: data };', 'codec_exception'],
    ['an answer without end', `return { data: 'x'.repeat(100000) };`, 'codec_result_invalid'],
    ['a list instead of an object', 'return [1];', 'codec_result_invalid'],
    ['a promise', 'return Promise.resolve({ data: {} });', ''],
  ])('is bounded in %s', async (_what, body, reason) => {
    open();
    const before = process.memoryUsage().rss;
    const [answer] = await run(`function decodeUplink(input) { ${body} }`, 1);
    expect(answer?.kind === 'failed' ? answer.reason : '').toBe(reason);
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  it('does not keep an urgent request waiting behind a long one', async () => {
    open();
    const slow = 'function decodeUplink(input) { for (var i = 0; i < 300000; i++); return { data: {} }; }';
    let slowDone = false;
    const long = run(slow, 200).then(
      () => {
        slowDone = true;
      },
      () => {},
    );
    await run('function decodeUplink(input) { return { data: {} }; }', 1, { urgent: true });
    expect(slowDone).toBe(false);
    await pool.stop();
    await long;
  });

  it('stops with work under way', async () => {
    open();
    const refusal = expect(run(`function decodeUplink(input) { ${nativeLoop} }`, 1)).rejects.toThrow('stopped');
    await pool.stop();
    await refusal;
  });
});
