import { type Duration, durationOf, millisecondsOf } from '../../parts/duration.js';

export const propertyTypes = ['number', 'integer', 'boolean', 'string', 'object'] as const;
export const propertyKinds = ['gauge', 'counter', 'state'] as const;
export const eventLevels = ['info', 'warning', 'major', 'critical'] as const;
export const decoderKinds = ['json', 'builtin', 'codec'] as const;
type PropertyType = (typeof propertyTypes)[number];
type PropertyKind = (typeof propertyKinds)[number];
type EventLevel = (typeof eventLevels)[number];
type DecoderKind = (typeof decoderKinds)[number];

/** One metric while it is written; '' and null are not given. */
export interface PropertyForm {
  identifier: string;
  zh: string;
  en: string;
  type: PropertyType;
  kind: PropertyKind;
  unit: string;
  low: number | null;
  high: number | null;
  values: string[];
}

export interface EventForm {
  identifier: string;
  zh: string;
  en: string;
  level: EventLevel;
}

export interface CommandForm {
  identifier: string;
  zh: string;
  en: string;
  input: PropertyForm[];
}

/** One field of what a codec gives, and the metric that it becomes. */
export interface MappingForm {
  field: string;
  metric: string;
  scale: number | null;
  offset: number | null;
  unit: string;
  /** JSON of what translates states: `{"1": "occupied"}`. */
  values: string;
}

/** A frame that must decode; `expected` is JSON of metrics. */
export interface GoldenFrameForm {
  name: string;
  kind: 'up' | 'telemetry';
  port: number | null;
  hex: string;
  expected: string;
}

/** A version of a product while it is written. */
export interface VersionForm {
  properties: PropertyForm[];
  events: EventForm[];
  commands: CommandForm[];
  decoder: DecoderKind;
  builtin: string;
  script: string;
  mapping: MappingForm[];
  interval: Duration;
  goldenFrames: GoldenFrameForm[];
}

interface LocalName {
  zh: string;
  en: string;
}
interface PropertyDocument {
  identifier: string;
  name: LocalName;
  type: PropertyType;
  kind: PropertyKind;
  unit?: string;
  range?: [number, number];
  values?: string[];
}
interface MappingDocument {
  field: string;
  metric: string;
  scale?: number;
  offset?: number;
  unit?: string;
  values?: Record<string, unknown>;
}

/** 物模型, as the API has it. */
export interface ThingModelDocument {
  properties: PropertyDocument[];
  events: { identifier: string; name: LocalName; level: EventLevel }[];
  commands: { identifier: string; name: LocalName; input: PropertyDocument[] }[];
}

/** What a version consists of, as the API has it. The script of another's codec is not shown. */
export interface VersionDocument {
  thingModel: ThingModelDocument;
  decoder:
    | { kind: 'json' }
    | { kind: 'builtin'; name: string }
    | { kind: 'codec'; script?: string; mapping?: MappingDocument[] };
  expectedIntervalMs: number;
  goldenFrames: {
    name: string;
    kind: 'up' | 'telemetry';
    port?: number;
    hex: string;
    expected: Record<string, unknown>;
  }[];
}

/** A version that says nothing yet but how often its devices report. */
export const emptyVersion: VersionDocument = {
  thingModel: { properties: [], events: [], commands: [] },
  decoder: { kind: 'json' },
  expectedIntervalMs: 1_800_000,
  goldenFrames: [],
};

export const emptyProperty = (): PropertyForm => ({
  identifier: '',
  zh: '',
  en: '',
  type: 'number',
  kind: 'gauge',
  unit: '',
  low: null,
  high: null,
  values: [],
});
export const emptyEvent = (): EventForm => ({ identifier: '', zh: '', en: '', level: 'info' });
export const emptyCommand = (): CommandForm => ({ identifier: '', zh: '', en: '', input: [] });
export const emptyMapping = (): MappingForm => ({
  field: '',
  metric: '',
  scale: null,
  offset: null,
  unit: '',
  values: '',
});
export const emptyGoldenFrame = (): GoldenFrameForm => ({ name: '', kind: 'up', port: null, hex: '', expected: '{}' });

export function versionFormOf(version: VersionDocument): VersionForm {
  const { thingModel, decoder, expectedIntervalMs, goldenFrames } = version;
  const codec = decoder.kind === 'codec' ? decoder : undefined;
  return {
    properties: thingModel.properties.map(propertyForm),
    events: thingModel.events.map(({ identifier, name, level }) => ({ identifier, ...name, level })),
    commands: thingModel.commands.map(({ identifier, name, input }) => ({
      identifier,
      ...name,
      input: input.map(propertyForm),
    })),
    decoder: decoder.kind,
    builtin: decoder.kind === 'builtin' ? decoder.name : '',
    script: codec?.script ?? '',
    mapping: (codec?.mapping ?? []).map(mappingForm),
    interval: durationOf(expectedIntervalMs),
    goldenFrames: goldenFrames.map(({ port, expected, ...frame }) => ({
      ...frame,
      port: port ?? null,
      expected: JSON.stringify(expected),
    })),
  };
}

/** What the API takes. Throws where a JSON of it cannot be read: ask `versionProblems` first. */
export function versionDocumentOf(form: VersionForm): VersionDocument {
  return {
    thingModel: {
      properties: form.properties.map(propertyDocument),
      events: form.events.map(({ identifier, zh, en, level }) => ({ identifier, name: { zh, en }, level })),
      commands: form.commands.map(({ identifier, zh, en, input }) => ({
        identifier,
        name: { zh, en },
        input: input.map(propertyDocument),
      })),
    },
    decoder: decoderDocument(form),
    expectedIntervalMs: millisecondsOf(form.interval) ?? 0,
    goldenFrames: form.goldenFrames.map(({ name, kind, port, hex, expected }) => ({
      name,
      kind,
      ...(port === null ? {} : { port }),
      hex: hex.replaceAll(/\s+/g, ''),
      expected: JSON.parse(expected) as Record<string, unknown>,
    })),
  };
}

function decoderDocument(form: VersionForm): VersionDocument['decoder'] {
  switch (form.decoder) {
    case 'json':
      return { kind: 'json' };
    case 'builtin':
      return { kind: 'builtin', name: form.builtin };
    case 'codec':
      return { kind: 'codec', script: form.script, mapping: form.mapping.map(mappingDocument) };
  }
}

function propertyForm({ identifier, name, type, kind, unit, range, values }: PropertyDocument): PropertyForm {
  return {
    identifier,
    zh: name.zh,
    en: name.en,
    type,
    kind,
    unit: unit ?? '',
    low: range?.[0] ?? null,
    high: range?.[1] ?? null,
    values: [...(values ?? [])],
  };
}

function propertyDocument(form: PropertyForm): PropertyDocument {
  const { identifier, zh, en, type, kind, unit, low, high, values } = form;
  return {
    identifier,
    name: { zh, en },
    type,
    kind,
    ...(unit === '' ? {} : { unit }),
    ...(low === null || high === null ? {} : { range: [low, high] as [number, number] }),
    ...(values.length === 0 ? {} : { values }),
  };
}

function mappingForm({ field, metric, scale, offset, unit, values }: MappingDocument): MappingForm {
  return {
    field,
    metric,
    scale: scale ?? null,
    offset: offset ?? null,
    unit: unit ?? '',
    values: values ? JSON.stringify(values) : '',
  };
}

function mappingDocument({ field, metric, scale, offset, unit, values }: MappingForm): MappingDocument {
  return {
    field,
    metric,
    ...(scale === null ? {} : { scale }),
    ...(offset === null ? {} : { offset }),
    ...(unit === '' ? {} : { unit }),
    ...(values.trim() === '' ? {} : { values: JSON.parse(values) as Record<string, unknown> }),
  };
}
