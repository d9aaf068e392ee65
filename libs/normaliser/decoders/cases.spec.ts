import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { qualityNames } from '#libs/contracts';
import type { DecoderSpec, ThingModel } from '#libs/devices';
import { Metrics, readConfig, systemClock } from '#libs/runtime';
import { type Normalised, normalise } from '../normalise.js';
import { codecConfig, normaliserConfig } from '../normaliser.config.js';
import { ProductCompiler } from '../product-compiler.js';
import { CodecPool } from './codec/codec-pool.js';
import type { DecodeResult, Warning } from './decoder.js';

/** `input.json` of a case. A codec's script is `codec.js` beside it. */
interface CaseInput {
  payload: { text?: string; hex?: string };
  receivedAt: string;
  port?: number;
  event?: string;
  settings?: Record<string, unknown>;
  mapping?: Extract<DecoderSpec, { kind: 'codec' }>['mapping'];
  model?: Partial<ThingModel>;
}

const root = join(process.cwd(), 'libs/normaliser/decoders');
const config = readConfig(normaliserConfig, {});
// Nothing here is for the watchdog, however busy the machine.
const codecs = readConfig(codecConfig, { CODEC_WATCHDOG_MS: '10000' });
const pool = new CodecPool(codecs, systemClock, new Metrics());
const compiler = new ProductCompiler(config, codecs, 'Asia/Shanghai', pool);
const bounds = { earliest: Date.UTC(config.earliestYear, 0, 1), aheadMs: config.aheadMs };

afterAll(() => pool.stop());

describe.each(['json', 'cjt188', 'codec'])('decoder %s', (decoder) => {
  const folder = join(root, decoder, 'cases');
  it.each(readdirSync(folder).sort())('%s', async (name) => {
    const input = JSON.parse(readFileSync(join(folder, name, 'input.json'), 'utf8')) as CaseInput;
    const expected: unknown = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8'));
    expect(await run(decoder, join(folder, name), input)).toEqual(expected);
  });
});

async function run(decoder: string, folder: string, input: CaseInput): Promise<unknown> {
  const product = compiler.compile({
    version: 3,
    lane: 'bulk',
    thingModel: { properties: [], events: [], commands: [], ...input.model },
    decoder: specOf(decoder, folder, input),
  });
  const payload =
    input.payload.hex === undefined ? Buffer.from(input.payload.text ?? '') : Buffer.from(input.payload.hex, 'hex');
  const receivedAt = Date.parse(input.receivedAt);
  const frame = { payload, receivedAt, port: input.port, tenantKey: 'tenant', settings: input.settings ?? {} };
  const [result] =
    input.event === undefined ? await product.decoder.decode([frame]) : [compiler.json.decodeOne(payload, true)];
  if (result?.kind !== 'decoded') return shownRefusal(result);
  const notes: Warning[] = [...result.warnings];
  return shown(
    normalise(result, { payload, receivedAt, event: input.event }, product.model, bounds, undefined, notes),
    notes,
  );
}

function specOf(decoder: string, folder: string, input: CaseInput): DecoderSpec {
  if (decoder === 'json') return { kind: 'json' };
  if (decoder !== 'codec') return { kind: 'builtin', name: decoder };
  return { kind: 'codec', script: readFileSync(join(folder, 'codec.js'), 'utf8'), mapping: input.mapping ?? [] };
}

function shownRefusal(result: DecodeResult | undefined): unknown {
  if (result?.kind !== 'refused') throw new Error('the decoder gave no result');
  const { reason, detail, position } = result;
  return { refused: reason, detail, ...(position && { position }) };
}

function shown(normalised: Normalised, notes: readonly Warning[]): unknown {
  if (normalised.outcome === 'rejected') return { refused: normalised.reason, detail: normalised.detail };
  return {
    reports: normalised.reports.map((report) => ({
      observedAt: new Date(report.observedAt).toISOString(),
      ...(report.deviceTime !== undefined && { deviceTime: new Date(report.deviceTime).toISOString() }),
      ...(report.seq !== undefined && { seq: report.seq }),
      ...(report.revision !== 0 && { revision: report.revision }),
      ...(report.event !== undefined && { event: report.event }),
      readings: Object.fromEntries(
        report.readings.map(({ metric, value, quality }) => [
          metric,
          quality === 0 ? value : { value, quality: qualityNames(quality) },
        ]),
      ),
    })),
    warnings: notes.map((note) => note.kind),
  };
}
