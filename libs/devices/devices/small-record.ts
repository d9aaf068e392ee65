import { ValidateBy, type ValidationOptions } from 'class-validator';

const keyPattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const reserved = new Set(['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty']);

/** A flat object of at most `most` entries whose values are short text, or also numbers and booleans. */
export function IsSmallRecord(
  most: number,
  values: 'text' | 'scalars',
  options?: ValidationOptions,
): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isSmallRecord',
      validator: {
        validate: (value: unknown) => problemOf(value, most, values) === undefined,
        defaultMessage: (given) => `${given?.property}: ${problemOf(given?.value, most, values)}`,
      },
    },
    options,
  );
}

function problemOf(value: unknown, most: number, values: 'text' | 'scalars'): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
  const entries = Object.entries(value);
  if (entries.length > most) return `holds ${entries.length} entries; at most ${most} are kept`;
  for (const [key, entry] of entries) {
    if (!keyPattern.test(key) || reserved.has(key)) {
      return `"${key.slice(0, 80)}" is no name: write letters, digits, "_", "." and "-", beginning with a letter`;
    }
    if (typeof entry === 'string' && entry.length <= 256) continue;
    if (values === 'scalars' && (typeof entry === 'boolean' || (typeof entry === 'number' && Number.isFinite(entry))))
      continue;
    return values === 'text'
      ? `"${key}" must be text of at most 256 characters`
      : `"${key}" must be a number, true, false, or text of at most 256 characters`;
  }
  return undefined;
}
