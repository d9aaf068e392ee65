/** A name that people see, in both languages. */
export interface LocalName {
  zh: string;
  en: string;
}

export const propertyTypes = ['number', 'integer', 'boolean', 'string', 'object'] as const;
export type PropertyType = (typeof propertyTypes)[number];

/** How a metric behaves over time: a counter is downsampled by its increase. */
export const propertyKinds = ['gauge', 'counter', 'state'] as const;
export type PropertyKind = (typeof propertyKinds)[number];

/** One metric that a product reports. */
export interface PropertyModel {
  /** The metric's name: dotted TTN normalised path where one exists, e.g. `metering.water.total`. */
  identifier: string;
  name: LocalName;
  type: PropertyType;
  kind: PropertyKind;
  /** UCUM, case-sensitive: `L`, `Cel`, `V`, `%`. */
  unit?: string;
  /** Inclusive. */
  range?: readonly [number, number];
  /** Allowed values of a string. */
  values?: readonly string[];
}

/** Something a product announces. */
export interface EventModel {
  identifier: string;
  name: LocalName;
  level: 'info' | 'warning' | 'major' | 'critical';
}

/** Something a product can be told to do. */
export interface CommandModel {
  identifier: string;
  name: LocalName;
  input: readonly PropertyModel[];
}

/** 物模型: the typed vocabulary of a product version. */
export interface ThingModel {
  properties: readonly PropertyModel[];
  events: readonly EventModel[];
  commands: readonly CommandModel[];
}

/** How a decoded vendor field becomes a metric: `metric = field * scale + offset`, read in `unit` where it differs from the model's. */
export interface FieldMapping {
  /** Dotted path into the codec's decoded data. */
  field: string;
  metric: string;
  scale?: number;
  offset?: number;
  unit?: string;
  /** Translates state values: {"1": "occupied"}. */
  values?: Readonly<Record<string, string | number | boolean>>;
}

/** How a product's `up` frames are decoded. Canonical JSON on `telemetry` needs no decoder. */
export type DecoderSpec =
  | { kind: 'json' }
  | { kind: 'builtin'; name: string }
  | { kind: 'codec'; script: string; mapping: readonly FieldMapping[] };
