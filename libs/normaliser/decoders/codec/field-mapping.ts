import { qualityFlags } from '#libs/contracts';
import type { FieldMapping } from '#libs/devices';
import { StatedValue, type Warning } from '../decoder.js';

/** A mapping with its path taken apart. */
export interface CompiledMapping extends FieldMapping {
  readonly path: readonly string[];
}

/** `a.b[2].c` and `a.b.2.c` are the same path. */
export function compileMapping(mapping: readonly FieldMapping[]): CompiledMapping[] {
  return mapping.map((one) => ({ ...one, path: one.field.replaceAll(/\[(\d+)\]/g, '.$1').split('.') }));
}

/** What mapped fields of decoded data say, by metric. A field that is absent or null says nothing. */
export function mapFields(
  data: unknown,
  mapping: readonly CompiledMapping[],
  warnings: Warning[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const one of mapping) {
    const found = fieldAt(data, one.path);
    if (found === undefined || found === null) continue;
    values[one.metric] = mapValue(found, one, warnings);
  }
  return values;
}

/** The value at a path of own properties. */
export function fieldAt(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function mapValue(found: unknown, mapping: CompiledMapping, warnings: Warning[]): unknown {
  if (mapping.values) {
    const key = String(found);
    if (Object.hasOwn(mapping.values, key)) return mapping.values[key];
    warnings.push({
      kind: 'value_unmapped',
      detail: `${mapping.field} is ${key.slice(0, 80)}, which the mapping to ${mapping.metric} does not translate. Kept as it came.`,
    });
    return found;
  }
  const scaled = mapping.scale !== undefined || mapping.offset !== undefined;
  if (!scaled) return mapping.unit === undefined ? found : new StatedValue(found, mapping.unit, 0);
  const isText = typeof found === 'string' && found.trim() !== '';
  const number = isText ? Number(found) : found;
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    warnings.push({
      kind: 'value_unmapped',
      detail: `${mapping.field} is no number, so it cannot be scaled to ${mapping.metric}. Kept as it came.`,
    });
    return new StatedValue(found, undefined, qualityFlags.type_mismatch);
  }
  // 12 digits: 3.3 V of 33 tenths is 3.3 and not 3.3000000000000003.
  const value = Number((number * (mapping.scale ?? 1) + (mapping.offset ?? 0)).toPrecision(12));
  return new StatedValue(value, mapping.unit, isText ? qualityFlags.coerced : 0);
}
