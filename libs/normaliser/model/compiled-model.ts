import { qualityFlags, type Reading, type ReadingValue } from '#libs/contracts';
import type { ThingModel } from '#libs/devices';
import { type Refused, refused, StatedValue, type Warning } from '../decoders/decoder.js';
import { coerce } from './coerce.js';
import { type CompiledProperty, compileProperty } from './compiled-property.js';
import { deepObjectProblem, isForbiddenKey, maxDepth } from './nested.js';

/** Bounds of what one report may hold. */
export interface ModelLimits {
  maxMetrics: number;
  maxTextLength: number;
  /** Different names that no property describes, per product and run of the process. */
  maxUnmodelled: number;
}

/** Any script is welcome (devices name metrics in Chinese too); control characters and endless names are not. */
const metricPattern = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

/** The thing model of one product version, compiled once: values in, readings out. */
export class CompiledModel {
  private readonly properties = new Map<string, CompiledProperty>();
  /** Dotted beginnings of identifiers: an object under such a name is read as nested metrics, as TTN's payloads are. */
  private readonly branches = new Set<string>();
  private readonly unmodelled = new Set<string>();
  private readonly events = new Set<string>();

  constructor(
    model: ThingModel,
    private readonly limits: ModelLimits,
  ) {
    for (const property of model.properties) {
      this.properties.set(property.identifier, compileProperty(property));
      for (let dot = property.identifier.indexOf('.'); dot > 0; dot = property.identifier.indexOf('.', dot + 1)) {
        this.branches.add(property.identifier.slice(0, dot));
      }
    }
    for (const event of model.events) this.events.add(event.identifier);
  }

  /** The property of a metric. */
  property(metric: string): CompiledProperty | undefined {
    return this.properties.get(metric);
  }

  /** True where the model has an event of that identifier. */
  hasEvent(identifier: string): boolean {
    return this.events.has(identifier);
  }

  /**
   * Judges the values of one report. `notes` collects what the vendor should look at. A number that no double can hold,
   * a forbidden name or a list refuses the whole report: what it meant is not known.
   */
  read(values: Readonly<Record<string, unknown>>, notes: Warning[]): Reading[] | Refused {
    const readings: Reading[] = [];
    for (const metric in values) {
      const value = values[metric];
      const property = this.properties.get(metric);
      // Nearly every value of a city: a number where the model wants one, within its range.
      if (property?.numeric && typeof value === 'number' && value >= property.min && value <= property.max) {
        if (!property.whole || Number.isInteger(value)) {
          readings.push({ metric: property.identifier, value, quality: 0 });
          continue;
        }
      }
      const problem = this.readOther(metric, value, property, readings, notes, 1);
      if (problem) return problem;
    }
    if (readings.length > this.limits.maxMetrics) {
      return refused(
        'too_many_metrics',
        `values holds ${readings.length} metrics; at most ${this.limits.maxMetrics} are read. Send several messages.`,
      );
    }
    return readings;
  }

  /** Any value that is not the common case; appends to `readings` or says why the report is refused. */
  private readOther(
    metric: string,
    value: unknown,
    property: CompiledProperty | undefined,
    readings: Reading[],
    notes: Warning[],
    depth: number,
  ): Refused | undefined {
    if (value === null || value === undefined) {
      notes.push({
        kind: 'value_null',
        detail: `${metric} is null: no reading. Leave it out where there is no value.`,
      });
      return undefined;
    }
    const problem = this.problemOf(metric, value, property);
    if (problem) return problem;
    if (typeof value === 'object' && !property && this.branches.has(metric) && !(value instanceof StatedValue)) {
      return this.readBranch(metric, value as Record<string, unknown>, readings, notes, depth);
    }
    const reading = property ? judge(metric, value, property, notes) : this.readUnmodelled(metric, value, notes);
    if (reading) readings.push(reading);
    return undefined;
  }

  private readBranch(
    branch: string,
    values: Record<string, unknown>,
    readings: Reading[],
    notes: Warning[],
    depth: number,
  ): Refused | undefined {
    if (depth > maxDepth) return refused('json_too_deep', `${branch} is nested deeper than ${maxDepth} levels.`);
    for (const name in values) {
      const metric = `${branch}.${name}`;
      const problem = isForbiddenKey(name)
        ? refused('key_forbidden', `${metric} is not allowed as a name. Remove it.`)
        : this.readOther(metric, values[name], this.properties.get(metric), readings, notes, depth + 1);
      if (problem) return problem;
    }
    return undefined;
  }

  /** Why a value cannot be kept at all. */
  private problemOf(metric: string, value: unknown, property: CompiledProperty | undefined): Refused | undefined {
    if (!property) {
      if (isForbiddenKey(metric))
        return refused('key_forbidden', `values.${metric} is not allowed as a name. Remove it.`);
      if (!metricPattern.test(metric)) {
        return refused(
          'metric_invalid',
          `values has the name ${JSON.stringify(metric.slice(0, 64))}. Name metrics with 1 to 128 characters, none of them a control character.`,
        );
      }
    }
    const plain = value instanceof StatedValue ? value.value : value;
    if (typeof plain === 'number' && !Number.isFinite(plain)) {
      return refused('number_not_finite', `values.${metric} is larger than any number can be. Send a finite number.`);
    }
    if (typeof plain === 'string' && plain.length > this.limits.maxTextLength) {
      return refused(
        'value_too_long',
        `values.${metric} is a text of ${plain.length} characters; at most ${this.limits.maxTextLength} are kept. Shorten it.`,
      );
    }
    if (typeof plain !== 'object' || plain === null) return undefined;
    if (Array.isArray(plain)) {
      return refused(
        'value_invalid',
        `values.${metric} is an array. Send a number, boolean, string or object, or one report per value.`,
      );
    }
    return deepObjectProblem(`values.${metric}`, plain);
  }

  private readUnmodelled(metric: string, value: unknown, notes: Warning[]): Reading | undefined {
    if (!this.unmodelled.has(metric)) {
      if (this.unmodelled.size >= this.limits.maxUnmodelled) {
        notes.push({
          kind: 'unmodelled_limit',
          detail: `${metric} is not in the thing model, and neither are ${this.limits.maxUnmodelled} other names: not kept. Add it to the model.`,
        });
        return undefined;
      }
      this.unmodelled.add(metric);
    }
    const plain = (value instanceof StatedValue ? value.value : value) as ReadingValue;
    const quality = value instanceof StatedValue ? value.quality : 0;
    notes.push({
      kind: 'unmodelled',
      detail: `${metric} is not in the thing model: kept as it came, not judged by rules of the model.`,
    });
    return { metric, value: plain, quality: quality | qualityFlags.unmodelled };
  }
}

/** A value against its property: converted where that is certain, flagged where it is not. */
function judge(metric: string, value: unknown, property: CompiledProperty, notes: Warning[]): Reading {
  const coerced = coerce(value, property);
  if (coerced.warning) notes.push({ kind: coerced.warning, detail: `${metric}: ${coerced.detail}` });
  let { quality } = coerced;
  if ((quality & qualityFlags.type_mismatch) === 0 && isOutside(coerced.value, property)) {
    quality |= qualityFlags.out_of_range;
    notes.push({
      kind: 'out_of_range',
      detail: `${metric} is ${String(coerced.value).slice(0, 80)}, outside ${allowed(property)}.`,
    });
  }
  return { metric: property.identifier, value: coerced.value, quality };
}

function isOutside(value: ReadingValue, property: CompiledProperty): boolean {
  if (typeof value === 'number') return value < property.min || value > property.max;
  return typeof value === 'string' && property.values !== undefined && !property.values.has(value);
}

function allowed(property: CompiledProperty): string {
  return property.values ? [...property.values].join(', ') : `${property.min} to ${property.max}`;
}
