import { qualityFlags, type ReadingValue } from '#libs/contracts';
import { StatedValue } from '../decoders/decoder.js';
import type { CompiledProperty } from './compiled-property.js';
import { convert, unitCode } from './units.js';

/** A value made to fit its property, or kept as it came and flagged. */
export interface Coerced {
  value: ReadingValue;
  quality: number;
  /** snake_case, undefined where there is nothing to say. */
  warning: string | undefined;
  detail: string;
}

const numberWithUnit = /^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(.{0,24}?)\s*$/u;

/** Makes `value` fit the property's type and unit. What cannot be converted with certainty is flagged `type_mismatch`. */
export function coerce(value: unknown, property: CompiledProperty): Coerced {
  if (value instanceof StatedValue) return coerceStated(value.value, value.unit, value.quality, property);
  if (property.type !== 'object' && isUnitObject(value)) return coerceStated(value.value, value.unit, 0, property);
  return coercePlain(value, 0, property);
}

function coerceStated(value: unknown, unit: string | undefined, quality: number, property: CompiledProperty): Coerced {
  const plain = coercePlain(value, quality, property);
  if (
    unit === undefined ||
    unit === '' ||
    typeof plain.value !== 'number' ||
    plain.quality & qualityFlags.type_mismatch
  ) {
    return plain;
  }
  return inModelUnit(plain.value, unit, plain, property);
}

function inModelUnit(value: number, unit: string, plain: Coerced, property: CompiledProperty): Coerced {
  if (property.unit === undefined || unit === property.unit) return plain;
  const from = unitCode(unit);
  const converted = from === undefined ? undefined : convert(value, from, property.unit);
  if (converted !== undefined) return { ...plain, value: converted };
  return {
    value,
    quality: plain.quality | qualityFlags.type_mismatch,
    warning: from === undefined ? 'unit_unknown' : 'unit_mismatch',
    detail: `the unit "${unit.slice(0, 24)}" cannot be converted to ${property.unit}. Kept as it came; state a UCUM unit of the same kind.`,
  };
}

function coercePlain(value: unknown, quality: number, property: CompiledProperty): Coerced {
  switch (property.type) {
    case 'number':
    case 'integer':
      return toNumber(value, quality, property);
    case 'boolean':
      return toBoolean(value, quality);
    case 'string':
      return toText(value, quality, property);
    case 'object':
      return typeof value === 'object' ? good(value, quality) : mismatch(value, quality, 'object');
  }
}

function toNumber(value: unknown, quality: number, property: CompiledProperty): Coerced {
  let number = value;
  let unit = '';
  let doubts = quality;
  if (typeof value === 'string') {
    const match = numberWithUnit.exec(value);
    if (!match || !Number.isFinite(Number(match[1]))) return mismatch(value, quality, property.type);
    number = Number(match[1]);
    unit = match[2] ?? '';
    doubts |= qualityFlags.coerced;
  }
  if (typeof number !== 'number') return mismatch(value, quality, property.type);
  const plain: Coerced =
    doubts & qualityFlags.coerced
      ? {
          value: number,
          quality: doubts,
          warning: 'coerced',
          detail: `the text ${JSON.stringify(value)} was read as the number ${number}.`,
        }
      : { value: number, quality: doubts, warning: undefined, detail: '' };
  const fitted = unit === '' ? plain : textUnit(value, number, unit, plain, property);
  if (property.whole && !Number.isInteger(fitted.value)) return mismatch(value, quality, 'whole number');
  return fitted;
}

/** "12.3m³": the text names its unit itself. Anything after the number that is no unit makes it no number ("12 apples"). */
function textUnit(value: unknown, number: number, unit: string, plain: Coerced, property: CompiledProperty): Coerced {
  if (unitCode(unit) === undefined && unit !== property.unit)
    return mismatch(value, plain.quality & ~qualityFlags.coerced, property.type);
  return inModelUnit(number, unit, plain, property);
}

function toBoolean(value: unknown, quality: number): Coerced {
  if (typeof value === 'boolean') return good(value, quality);
  const read =
    value === 0 || value === '0' || value === 'false'
      ? false
      : value === 1 || value === '1' || value === 'true'
        ? true
        : undefined;
  if (read === undefined) return mismatch(value, quality, 'boolean');
  return {
    value: read,
    quality: quality | qualityFlags.coerced,
    warning: 'coerced',
    detail: `${JSON.stringify(value)} was read as ${read}.`,
  };
}

function toText(value: unknown, quality: number, property: CompiledProperty): Coerced {
  if (typeof value === 'string') return good(value, quality);
  if (typeof value !== 'number' || property.values) return mismatch(value, quality, 'string');
  return {
    value: String(value),
    quality: quality | qualityFlags.coerced,
    warning: 'coerced',
    detail: `the number ${value} was read as text; leading zeros are lost that way. Send a string.`,
  };
}

function good(value: unknown, quality: number): Coerced {
  return { value: value as ReadingValue, quality, warning: undefined, detail: '' };
}

function mismatch(value: unknown, quality: number, wanted: string): Coerced {
  return {
    value: value as ReadingValue,
    quality: quality | qualityFlags.type_mismatch,
    warning: 'type_mismatch',
    detail: `${(JSON.stringify(value) ?? 'nothing').slice(0, 80)} is not a ${wanted}. Kept as it came, never judged.`,
  };
}

function isUnitObject(value: unknown): value is { value: unknown; unit: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'value' in value &&
    typeof (value as { unit?: unknown }).unit === 'string'
  );
}
