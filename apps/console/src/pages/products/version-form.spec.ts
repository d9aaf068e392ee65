import { describe, expect, it } from '@jest/globals';
import { type DecodeForm, decodeDocumentOf, decodeProblems } from './decode-form.js';
import {
  emptyEvent,
  emptyGoldenFrame,
  emptyMapping,
  emptyProperty,
  emptyVersion,
  type VersionDocument,
  type VersionForm,
  versionDocumentOf,
  versionFormOf,
} from './version-form.js';
import { productProblems, versionProblems } from './version-problems.js';

const name = { zh: '名', en: 'Name' };
const whole: VersionDocument = {
  thingModel: {
    properties: [
      { identifier: 'metering.water.total', name, type: 'number', kind: 'counter', unit: 'L', range: [0, 1e11] },
      { identifier: 'valve', name, type: 'string', kind: 'state', values: ['open', 'closed'] },
    ],
    events: [{ identifier: 'fault', name, level: 'major' }],
    commands: [
      { identifier: 'setValve', name, input: [{ identifier: 'position', name, type: 'string', kind: 'state' }] },
    ],
  },
  decoder: {
    kind: 'codec',
    script: 'function decodeUplink(input) { return { data: { t: input.bytes[0] } }; }',
    mapping: [
      { field: 't', metric: 'metering.water.total', scale: 1_000, offset: -1, unit: 'm3' },
      { field: 'v', metric: 'valve', values: { '1': 'open' } },
    ],
  },
  expectedIntervalMs: 5_400_000,
  goldenFrames: [{ name: 'one', kind: 'up', port: 2, hex: '01ff', expected: { valve: 'open' } }],
};

describe('a version of a product in a form', () => {
  it.each([
    ['with everything', whole],
    ['with a decoder of ours', { ...whole, decoder: { kind: 'builtin', name: 'cjt188' } }],
    ['that is empty', emptyVersion],
  ] as [string, VersionDocument][])('%s comes out as it went in', (_what, version) => {
    const form = versionFormOf(version);
    expect(versionProblems(form)).toEqual([]);
    expect(versionDocumentOf(form)).toEqual(version);
  });

  const property = { ...emptyProperty(), identifier: 'a', zh: '一', en: 'One' };
  it.each<[string, Partial<VersionForm>, string[]]>([
    [
      'a metric without names',
      { properties: [{ ...emptyProperty(), identifier: 'a' }] },
      ['thingModel.properties.0.name.zh required', 'thingModel.properties.0.name.en required'],
    ],
    ['a metric twice', { properties: [property, property] }, ['thingModel.properties.1.identifier twice']],
    [
      'an identifier that is none',
      { properties: [{ ...property, identifier: '1st' }] },
      ['thingModel.properties.0.identifier pattern'],
    ],
    [
      'a reserved identifier',
      { properties: [{ ...property, identifier: 'a.constructor' }] },
      ['thingModel.properties.0.identifier pattern'],
    ],
    [
      'a range upside down',
      { properties: [{ ...property, low: 2, high: 1 }] },
      ['thingModel.properties.0.range rangeOrder'],
    ],
    ['half a range', { properties: [{ ...property, low: 2 }] }, ['thingModel.properties.0.range together']],
    [
      'a boolean that counts',
      { properties: [{ ...property, type: 'boolean', kind: 'counter' }] },
      ['thingModel.properties.0.kind onlyNumbers'],
    ],
    [
      'values of a number',
      { properties: [{ ...property, values: ['open'] }] },
      ['thingModel.properties.0.values onlyStrings'],
    ],
    [
      'a unit of a text',
      { properties: [{ ...property, type: 'string', unit: 'L' }] },
      ['thingModel.properties.0.unit onlyNumbers'],
    ],
    [
      'an event without all',
      { events: [emptyEvent()] },
      [
        'thingModel.events.0.identifier required',
        'thingModel.events.0.name.zh required',
        'thingModel.events.0.name.en required',
      ],
    ],
    [
      'a codec without a script',
      { decoder: 'codec', mapping: [emptyMapping()] },
      ['decoder.script required', 'decoder.mapping.0.field required', 'decoder.mapping.0.metric required'],
    ],
    ['a decoder without a name', { decoder: 'builtin' }, ['decoder.name required']],
    ['twice a second', { interval: { amount: 500, unit: 'ms' } }, ['expectedIntervalMs tooSmall']],
    [
      'a golden frame of nothing',
      { goldenFrames: [emptyGoldenFrame()] },
      ['goldenFrames.0.name required', 'goldenFrames.0.hex notHex', 'goldenFrames.0.expected required'],
    ],
    [
      'expectations in bad JSON',
      { goldenFrames: [{ ...emptyGoldenFrame(), name: 'x', hex: '0a 0b', expected: '[1]' }] },
      ['goldenFrames.0.expected notJson'],
    ],
  ])('is refused for %s', (_what, change, problems) => {
    const form = { ...versionFormOf(emptyVersion), ...change };
    expect(versionProblems(form).map(({ field, message }) => `${field} ${message}`)).toEqual(problems);
  });

  it.each([
    [{ id: 'acme-meter', zh: '表', en: 'Meter', domain: 'water', lane: '' }, []],
    [
      { id: 'Acme', zh: '', en: 'x'.repeat(101), domain: 'w', lane: '' },
      ['id pattern', 'name.zh required', 'name.en tooLong', 'domain pattern'],
    ],
  ] as const)('takes %j', (product, problems) => {
    expect(productProblems(product).map(({ field, message }) => `${field} ${message}`)).toEqual(problems);
  });
});

describe('a frame to try', () => {
  const form: DecodeForm = { encoding: 'hex', payload: '', kind: 'up', port: null, event: '' };
  it.each<[Partial<DecodeForm>, object]>([
    [{ payload: '0x68 0x10\n55:44' }, { hex: '68105544', kind: 'up' }],
    [
      { payload: '21,00', port: 2 },
      { hex: '2100', kind: 'up', port: 2 },
    ],
    [
      { encoding: 'base64', payload: 'AQID\nBA==' },
      { base64: 'AQIDBA==', kind: 'up' },
    ],
    [
      { encoding: 'text', payload: '{"values": {}}', kind: 'telemetry' },
      { text: '{"values": {}}', kind: 'telemetry' },
    ],
    [
      { encoding: 'text', payload: '{}', kind: 'event', event: 'fault' },
      { text: '{}', kind: 'event', event: 'fault' },
    ],
  ])('%j is sent as %j', (change, document) => {
    expect(decodeProblems({ ...form, ...change })).toEqual([]);
    expect(decodeDocumentOf({ ...form, ...change }, undefined)).toEqual(document);
    expect(decodeDocumentOf({ ...form, ...change }, 3)).toEqual({ ...document, version: 3 });
  });

  it.each<[Partial<DecodeForm>, string]>([
    [{}, 'payload required'],
    [{ payload: '123' }, 'payload notHex'],
    [{ payload: 'zz' }, 'payload notHex'],
    [{ encoding: 'base64', payload: 'A' }, 'payload notBase64'],
    [{ payload: '00', kind: 'event' }, 'event required'],
    [{ payload: '00', kind: 'event', event: 'a b' }, 'event pattern'],
  ])('%j is refused: %s', (change, problem) => {
    expect(decodeProblems({ ...form, ...change }).map(({ field, message }) => `${field} ${message}`)).toEqual([
      problem,
    ]);
  });
});
