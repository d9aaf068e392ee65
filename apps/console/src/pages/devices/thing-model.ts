import type { LocalName } from '../../api/names.js';

/** One property of a thing model, as far as the console shows it (libs/devices). */
export interface PropertyModel {
  identifier: string;
  name: LocalName;
  type: 'number' | 'integer' | 'boolean' | 'string' | 'object';
  kind?: 'gauge' | 'counter' | 'state';
  unit?: string;
  range?: [number, number];
  values?: string[];
}

/** Something the product can be told to do. */
export interface CommandModel {
  identifier: string;
  name: LocalName;
  input: PropertyModel[];
}

type ThingModel = { properties?: unknown; commands?: unknown } | undefined;

/** The properties that can be drawn over time. */
export function drawable(model: ThingModel): PropertyModel[] {
  const properties = Array.isArray(model?.properties) ? (model.properties as PropertyModel[]) : [];
  return properties.filter(({ type }) => type === 'number' || type === 'integer' || type === 'boolean');
}

export function commandsOf(model: ThingModel): CommandModel[] {
  return Array.isArray(model?.commands) ? (model.commands as CommandModel[]) : [];
}

/** What a form begins with for an input. */
export function emptyInput({ type, values, range }: PropertyModel): unknown {
  if (type === 'boolean') return false;
  if (type === 'number' || type === 'integer') return range?.[0] ?? 0;
  return values?.[0] ?? '';
}

/** The parameters of a command as the API takes them; undefined where an object is no JSON object. */
export function parametersOf(
  inputs: readonly PropertyModel[],
  given: Record<string, unknown>,
): Record<string, unknown> | undefined {
  const parameters: Record<string, unknown> = {};
  for (const { identifier, type } of inputs) {
    const value = given[identifier];
    if (type !== 'object') parameters[identifier] = value;
    else {
      const read = jsonObject(String(value));
      if (!read) return undefined;
      parameters[identifier] = read;
    }
  }
  return parameters;
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
