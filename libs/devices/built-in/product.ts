import type { Lane } from '#libs/contracts';
import type { DecoderSpec, LocalName, PropertyKind, PropertyModel, PropertyType, ThingModel } from '../thing-model.js';

/** A product that every installation of the platform has; no tenant owns it. */
export interface BuiltInProduct {
  id: string;
  name: LocalName;
  domain: string;
  lane: Lane;
  expectedIntervalMs: number;
  thingModel: ThingModel;
  decoder: DecoderSpec;
}

type Extra = Pick<PropertyModel, 'unit' | 'range' | 'values'>;

function property(
  type: PropertyType,
  kind: PropertyKind,
  identifier: string,
  zh: string,
  en: string,
  extra: Extra = {},
): PropertyModel {
  return { identifier, name: { zh, en }, type, kind, ...extra };
}

/** A measured number in a UCUM unit, within an inclusive range. */
export function gauge(
  identifier: string,
  zh: string,
  en: string,
  unit: string,
  range: readonly [number, number],
): PropertyModel {
  return property('number', 'gauge', identifier, zh, en, { unit, range });
}

/** A number that only grows, but for rollover and replacement. */
export function counter(
  identifier: string,
  zh: string,
  en: string,
  unit: string,
  range: readonly [number, number],
): PropertyModel {
  return property('number', 'counter', identifier, zh, en, { unit, range });
}

/** True or false. */
export function flag(identifier: string, zh: string, en: string): PropertyModel {
  return property('boolean', 'state', identifier, zh, en);
}

/** One of some values. */
export function choice(identifier: string, zh: string, en: string, values: readonly string[]): PropertyModel {
  return property('string', 'state', identifier, zh, en, { values });
}

/** Any text. */
export function text(identifier: string, zh: string, en: string): PropertyModel {
  return property('string', 'state', identifier, zh, en);
}

/** A whole number that describes the device rather than the world. */
export function integer(identifier: string, zh: string, en: string, extra: Extra): PropertyModel {
  return property('integer', 'state', identifier, zh, en, extra);
}

/** Several values that belong together, such as the axes of a field. */
export function structure(identifier: string, zh: string, en: string, unit?: string): PropertyModel {
  return property('object', 'gauge', identifier, zh, en, unit === undefined ? {} : { unit });
}
