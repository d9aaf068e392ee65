import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Reading } from '#libs/contracts';
import { builtInProducts } from '#libs/devices';
import { Metrics, readConfig, systemClock } from '#libs/runtime';
import { DeviceWindow } from '../dedupe/device-window.js';
import { normalise } from '../normalise.js';
import { codecConfig, normaliserConfig } from '../normaliser.config.js';
import { ProductCompiler } from '../product-compiler.js';
import { CodecPool } from './codec/codec-pool.js';
import type { DecodeResult } from './decoder.js';

const config = readConfig(normaliserConfig, {});
const codecs = readConfig(codecConfig, {});
const compiler = new ProductCompiler(
  config,
  codecs,
  'Asia/Shanghai',
  new CodecPool(codecs, systemClock, new Metrics()),
);
const bounds = { earliest: Date.UTC(2015, 0, 1), aheadMs: 300_000 };
const receivedAt = Date.UTC(2026, 10, 22, 1);
const mutants = 4_000;

/** The payloads of a decoder's cases. */
function seeds(decoder: string): Buffer[] {
  const folder = join(process.cwd(), 'libs/normaliser/decoders', decoder, 'cases');
  return readdirSync(folder).map((name) => {
    const { payload } = JSON.parse(readFileSync(join(folder, name, 'input.json'), 'utf8')) as {
      payload: { text?: string; hex?: string };
    };
    return payload.hex === undefined ? Buffer.from(payload.text ?? '') : Buffer.from(payload.hex, 'hex');
  });
}

/** The same numbers on every run: mulberry32. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** Flips, cuts, doubles and splices. */
function mutate(payload: Buffer, other: Buffer, random: (below: number) => number): Buffer {
  const at = random(payload.length + 1);
  switch (random(4)) {
    case 0: {
      const flipped = Buffer.from(payload);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8));
      return flipped;
    }
    case 1:
      return payload.subarray(0, at);
    case 2:
      return Buffer.concat([payload.subarray(0, at), payload.subarray(random(payload.length + 1))]);
    default:
      return Buffer.concat([payload.subarray(0, at), other.subarray(random(other.length + 1))]);
  }
}

describe.each([
  ['json', 'water-meter'],
  ['cjt188', 'water-meter-cjt188'],
])('mutants of the frames of %s', (decoder, productId) => {
  it('are decoded to whole readings or refused with a reason, and never throw', async () => {
    const product = builtInProducts.find((one) => one.id === productId);
    if (!product) throw new Error(`there is no product ${productId}`);
    const compiled = compiler.compile({ ...product, version: 1 });
    const window = new DeviceWindow({ identities: 64, resendMs: 600_000 });
    const random = numbers(188);
    const payloads = seeds(decoder).filter((payload) => payload.length < 2_000);
    const outcomes = new Set<string>();
    for (let count = 0; count < mutants; count += 1) {
      const payload = mutate(pick(payloads, random), pick(payloads, random), random);
      const frame = { payload, receivedAt, port: undefined, tenantKey: '', settings: {} };
      const [result] = (await compiled.decoder.decode([frame])) as [DecodeResult];
      if (result.kind === 'refused') {
        expect(result.reason).toMatch(/^[a-z][a-z0-9_]+$/);
        expect(result.detail.length).toBeLessThan(500);
        outcomes.add('refused');
        continue;
      }
      const normalised = normalise(
        result,
        { payload, receivedAt, event: undefined },
        compiled.model,
        bounds,
        window,
        [],
      );
      outcomes.add(normalised.outcome);
      for (const report of normalised.reports) {
        expect(Number.isSafeInteger(report.observedAt)).toBe(true);
        expect(report.readings.every(isWhole)).toBe(true);
      }
    }
    expect([...outcomes].sort()).toEqual(expect.arrayContaining(['decoded', 'duplicate', 'refused']));
  });
});

function pick(payloads: readonly Buffer[], random: (below: number) => number): Buffer {
  return payloads[random(payloads.length)] ?? Buffer.alloc(0);
}

function isWhole({ metric, value, quality }: Reading): boolean {
  const finite = typeof value !== 'number' || Number.isFinite(value);
  return metric.length > 0 && value !== null && value !== undefined && finite && quality >= 0 && quality < 32;
}
