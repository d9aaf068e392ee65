import type { PropertyModel } from '#libs/devices';
import { unitCode } from './units.js';

/** One property, ready for judging thousands of values a second. */
export interface CompiledProperty {
  readonly identifier: string;
  readonly type: PropertyModel['type'];
  /** True for number and integer. */
  readonly numeric: boolean;
  readonly whole: boolean;
  /** The range, or everything finite. */
  readonly min: number;
  readonly max: number;
  readonly values: ReadonlySet<string> | undefined;
  /** UCUM code as the model states it. */
  readonly unit: string | undefined;
}

/** Compiles a property; a unit we do not know is compared as it is written. */
export function compileProperty(property: PropertyModel): CompiledProperty {
  return {
    identifier: property.identifier,
    type: property.type,
    numeric: property.type === 'number' || property.type === 'integer',
    whole: property.type === 'integer',
    min: property.range?.[0] ?? -Number.MAX_VALUE,
    max: property.range?.[1] ?? Number.MAX_VALUE,
    values: property.values ? new Set(property.values) : undefined,
    unit: property.unit === undefined ? undefined : (unitCode(property.unit) ?? property.unit),
  };
}
