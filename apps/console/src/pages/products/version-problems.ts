import { millisecondsOf } from '../../parts/duration.js';
import { type FieldMessage, type FieldProblem, patternProblems, textProblems } from '../../parts/field-problem.js';
import type { GoldenFrameForm, MappingForm, PropertyForm, VersionForm } from './version-form.js';

const identifierPattern = /^[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z0-9_]{1,64}){0,7}$/;
const reserved = /(?:^|\.)(?:__proto__|constructor|prototype)(?:\.|$)/;
const longestIdentifier = 128;
const hexPattern = /^(?:[0-9a-fA-F]{2}){1,4096}$/;

/** What identifies a product for good. */
export interface ProductForm {
  id: string;
  zh: string;
  en: string;
  domain: string;
  /** '' leaves it to the domain. */
  lane: '' | 'urgent' | 'bulk';
}

/** What the API would refuse of a new product, its version aside. */
export function productProblems({ id, zh, en, domain }: ProductForm): FieldProblem[] {
  return [
    ...patternProblems('id', id, /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/),
    ...textProblems('name.zh', zh, 100),
    ...textProblems('name.en', en, 100),
    ...patternProblems('domain', domain, /^[a-z][a-z_]{1,31}$/),
  ];
}

/** What the API would refuse of a version, by its path; whether a unit is one of UCUM, only the API knows. */
export function versionProblems(form: VersionForm): FieldProblem[] {
  return [
    ...propertiesProblems('thingModel.properties', form.properties, 512),
    ...namedProblems('thingModel.events', form.events, 128),
    ...namedProblems('thingModel.commands', form.commands, 128),
    ...form.commands.flatMap(({ input }, index) => propertiesProblems(`thingModel.commands.${index}.input`, input, 64)),
    ...decoderProblems(form),
    ...intervalProblems(form),
    ...manyProblems('goldenFrames', form.goldenFrames, 64),
    ...form.goldenFrames.flatMap((frame, index) => frameProblems(`goldenFrames.${index}`, frame)),
  ];
}

function propertiesProblems(path: string, properties: readonly PropertyForm[], most: number): FieldProblem[] {
  return [
    ...namedProblems(path, properties, most),
    ...properties.flatMap((property, index) => propertyProblems(`${path}.${index}`, property)),
  ];
}

function propertyProblems(path: string, { type, kind, unit, low, high, values }: PropertyForm): FieldProblem[] {
  const numeric = type === 'number' || type === 'integer';
  const problems: [boolean, string, FieldMessage][] = [
    [(low === null) !== (high === null), 'range', 'together'],
    [low !== null && high !== null && low > high, 'range', 'rangeOrder'],
    [low !== null && !numeric, 'range', 'onlyNumbers'],
    [unit !== '' && !numeric && type !== 'object', 'unit', 'onlyNumbers'],
    [values.length > 0 && type !== 'string', 'values', 'onlyStrings'],
    [values.some((value) => value === '' || value.length > 64), 'values', 'tooLong'],
    [kind === 'counter' && !numeric, 'kind', 'onlyNumbers'],
  ];
  return problems
    .filter(([wrong]) => wrong)
    .map(([, field, message]) => ({ field: `${path}.${field}`, message, values: { most: 64 } }));
}

function namedProblems(
  path: string,
  items: readonly { identifier: string; zh: string; en: string }[],
  most: number,
): FieldProblem[] {
  const seen = new Set<string>();
  return [
    ...manyProblems(path, items, most),
    ...items.flatMap(({ identifier, zh, en }, index) => {
      const field = `${path}.${index}`;
      const twice = seen.has(identifier) && identifier !== '';
      seen.add(identifier);
      return [
        ...identifierProblems(`${field}.identifier`, identifier),
        ...(twice ? [{ field: `${field}.identifier`, message: 'twice' as const }] : []),
        ...textProblems(`${field}.name.zh`, zh, 100),
        ...textProblems(`${field}.name.en`, en, 100),
      ];
    }),
  ];
}

function identifierProblems(field: string, identifier: string): FieldProblem[] {
  if (identifier.length > longestIdentifier)
    return [{ field, message: 'tooLong', values: { most: longestIdentifier } }];
  if (reserved.test(identifier)) return [{ field, message: 'pattern' }];
  return patternProblems(field, identifier, identifierPattern);
}

function decoderProblems({ decoder, builtin, script, mapping }: VersionForm): FieldProblem[] {
  if (decoder === 'json') return [];
  if (decoder === 'builtin') return patternProblems('decoder.name', builtin, /^[a-z][a-z0-9-]{0,63}$/);
  return [
    ...textProblems('decoder.script', script, 262_144),
    ...manyProblems('decoder.mapping', mapping, 512),
    ...mapping.flatMap((one, index) => mappingProblems(`decoder.mapping.${index}`, one)),
  ];
}

function mappingProblems(path: string, { field, metric, values }: MappingForm): FieldProblem[] {
  return [
    ...textProblems(`${path}.field`, field, 256),
    ...identifierProblems(`${path}.metric`, metric),
    ...(values.trim() === '' ? [] : objectProblems(`${path}.values`, values)),
  ];
}

function intervalProblems({ interval }: VersionForm): FieldProblem[] {
  const field = 'expectedIntervalMs';
  const milliseconds = millisecondsOf(interval);
  if (milliseconds === undefined) return [{ field, message: 'required' }];
  if (milliseconds < 1_000) return [{ field, message: 'tooSmall', values: { least: 1_000 } }];
  return milliseconds > 2_000_000_000 ? [{ field, message: 'tooLarge', values: { most: 2_000_000_000 } }] : [];
}

function frameProblems(path: string, { name, hex, expected }: GoldenFrameForm): FieldProblem[] {
  const bytes = hex.replaceAll(/\s+/g, '');
  return [
    ...textProblems(`${path}.name`, name, 100),
    ...(hexPattern.test(bytes) ? [] : [{ field: `${path}.hex`, message: 'notHex' as const }]),
    ...objectProblems(`${path}.expected`, expected, true),
  ];
}

function objectProblems(field: string, json: string, filled = false): FieldProblem[] {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ field, message: 'notJson' }];
    return filled && Object.keys(value).length === 0 ? [{ field, message: 'required' }] : [];
  } catch {
    return [{ field, message: 'notJson' }];
  }
}

function manyProblems(field: string, items: readonly unknown[], most: number): FieldProblem[] {
  return items.length > most ? [{ field, message: 'tooMany', values: { most } }] : [];
}
