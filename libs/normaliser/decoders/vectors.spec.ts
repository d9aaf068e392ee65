import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { FieldMapping } from '#libs/devices';
import { Metrics, readConfig, systemClock } from '#libs/runtime';
import { CompiledModel } from '../model/compiled-model.js';
import { codecConfig } from '../normaliser.config.js';
import { Zone } from '../time/zone.js';
import { Cjt188Decoder } from './cjt188/cjt188.decoder.js';
import { readMeterData } from './cjt188/meter-data.js';
import { CodecDecoder } from './codec/codec.decoder.js';
import { CodecPool } from './codec/codec-pool.js';
import { type DecodeResult, StatedValue } from './decoder.js';

/** Real device data kept beside the repository; it is not ours to commit. */
const folder = join(process.cwd(), '../shared/vectors');
const zone = new Zone('Asia/Shanghai');

function rowsOf<T>(file: string): T[] {
  const path = join(folder, file);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as T[];
  process.stdout.write(`skipped: ${file} is not there (looked in ${folder})\n`);
  return [];
}

interface MeterRow {
  standard: string;
  kind: string;
  hex: string;
  valid: boolean;
  note: string;
  decoded: {
    address: string;
    control: string;
    type: string;
    cumulative?: { value: number; unit: string };
    settlement?: { value: number };
    time?: string;
    status?: { valve: string; batteryLow: boolean };
    valve?: string;
  };
}

const meterRows = rowsOf<MeterRow>('cn-protocol-frames.json').filter((row) => row.standard === 'CJ/T 188');

describe('CJ/T 188 frames of others', () => {
  it('are there, or it was said that they are not', () => {
    expect(meterRows.length === 0).toBe(!existsSync(join(folder, 'cn-protocol-frames.json')));
  });

  for (const row of meterRows) {
    it(`${row.note} (${row.hex.slice(0, 24)}...)`, () => {
      if (row.kind === 'data-field') expect(fieldOf(row)).toEqual(wantedOf(row));
      else expect(frameOf(row)).toEqual(row.valid ? wantedOf(row) : 'refused');
    });
  }
});

function frameOf(row: MeterRow): unknown {
  const frame = { payload: Buffer.from(row.hex, 'hex'), receivedAt: 0, port: undefined, tenantKey: '', settings: {} };
  const [result] = new Cjt188Decoder(zone).decode([frame]);
  if (result?.kind !== 'decoded') return 'refused';
  const [report] = result.reports;
  if (!report) return 'no report';
  const { values } = report;
  return {
    total: values['metering.water.total'],
    settlement: values.settlementTotal,
    time: report.time,
    valve: values.valve,
  };
}

function fieldOf(row: MeterRow): unknown {
  const data = readMeterData(Buffer.from(row.hex, 'hex'), zone);
  if ('reason' in data) return data.reason;
  return { total: data.totalLitres, settlement: data.settlementLitres, time: data.time, valve: data.status.valve };
}

function wantedOf(row: MeterRow): unknown {
  const { cumulative, settlement, time, status, valve } = row.decoded;
  if (!cumulative || !settlement) return 'no report';
  return {
    total: Math.round(cumulative.value * 1_000_000) / 1000,
    settlement: Math.round(settlement.value * 1_000_000) / 1000,
    time: Date.parse(`${time}+08:00`),
    valve: status?.valve ?? valve,
  };
}

interface UplinkRow {
  id: string;
  device: string;
  fPort: number;
  bytesHex: string;
  expected: { data?: Record<string, unknown>; errors?: string[] };
  localRun: string;
  canonical?: Record<string, unknown> | null;
}

/** From the fields that vendors' codecs give to our metrics, as a product's mapping would state it. */
const mappings: Record<string, readonly FieldMapping[]> = {
  aqs: [{ field: 'valve', metric: 'valve', values: { '0': 'closed', '255': 'open' } }],
  'dl-dlr2-002': [{ field: 'battery_voltage.value', metric: 'battery' }],
  do200: [{ field: 'volt', metric: 'battery' }],
  do201: [
    { field: 'volt', metric: 'battery' },
    { field: 'level', metric: 'distance', unit: 'mm' },
    { field: 'alarmPark', metric: 'status', values: { true: 'occupied', false: 'free' } },
  ],
  'em300-di': [{ field: 'battery', metric: 'batteryLevel' }],
  r718h: [{ field: 'Volt', metric: 'battery' }],
  r719a: [
    { field: 'Volt', metric: 'battery' },
    { field: 'CarOnOff', metric: 'status', values: { '0': 'free', '1': 'occupied' } },
  ],
  ra02a: [
    { field: 'Volt', metric: 'battery' },
    { field: 'FireAlarm', metric: 'fire', values: { Alarm: true, NoAlarm: false } },
    { field: 'Temp', metric: 'air.temperature', unit: 'Cel' },
  ],
  'ncc405fm,ncc405sm': [
    { field: 'counter_value', metric: 'eventCount' },
    { field: 'battery_voltage', metric: 'battery' },
  ],
  nps310sm: [
    { field: 'occupied', metric: 'status', values: { true: 'occupied', false: 'free' } },
    // Only the sensor's start-up message carries one.
    { field: 'firmware_version', metric: 'firmwareVersion' },
  ],
  tekzipark: [
    { field: 'occupied', metric: 'status', values: { '0': 'free', '1': 'occupied' } },
    { field: 'Temperature', metric: 'temperature' },
  ],
};

describe('LoRaWAN uplinks of others, from decoded field to metric', () => {
  const pool = new CodecPool(readConfig(codecConfig, { CODEC_WATCHDOG_MS: '10000' }), systemClock, new Metrics());
  afterAll(() => pool.stop());
  const model = new CompiledModel(
    { properties: [], events: [], commands: [] },
    { maxMetrics: 200, maxTextLength: 4096, maxUnmodelled: 1000 },
  );
  const rows = rowsOf<UplinkRow>('lorawan-uplinks.json').filter(
    (row) => row.localRun.startsWith('pass') && row.device in mappings,
  );

  it('are there, or it was said that they are not', () => {
    expect(rows.length === 0).toBe(!existsSync(join(folder, 'lorawan-uplinks.json')));
  });

  for (const row of rows) {
    it(`${row.id} ${row.device}`, async () => {
      // The vendors' codecs are not ours to keep: a stand-in answers what theirs is known to answer.
      const script = `function decodeUplink(input) { return ${JSON.stringify(row.expected)}; }`;
      const mapping = mappings[row.device] ?? [];
      const decoder = new CodecDecoder({ name: 'codec@1', script, mapping, urgent: false }, pool, model, zone, 40_960);
      const payload = Buffer.from(row.bytesHex, 'hex');
      const [result] = await decoder.decode([{ payload, receivedAt: 0, port: row.fPort, tenantKey: '', settings: {} }]);
      expect(metricsOf(result)).toEqual(row.expected.errors?.length ? 'refused' : (row.canonical ?? {}));
    });
  }
});

function metricsOf(result: DecodeResult | undefined): unknown {
  if (result?.kind !== 'decoded') return 'refused';
  const values = result.reports[0]?.values ?? {};
  return Object.fromEntries(
    Object.entries(values).map(([metric, value]) => [metric, value instanceof StatedValue ? value.value : value]),
  );
}
