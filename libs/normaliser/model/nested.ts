import { type Refused, refused } from '../decoders/decoder.js';

/** Levels of objects and lists that a value may have. */
export const maxDepth = 32;

const forbidden = /(?:^|\.)(?:__proto__|constructor|prototype)(?:\.|$)/;

/** True for names, dotted or not, that would reach into JavaScript's object machinery somewhere downstream. */
export function isForbiddenKey(name: string): boolean {
  return forbidden.test(name);
}

/** Why an object cannot be kept: too deep, a forbidden name, or a number no double can hold. */
export function deepObjectProblem(path: string, value: object, depth = 2): Refused | undefined {
  if (depth > maxDepth) {
    return refused('json_too_deep', `${path.slice(0, 120)} is nested deeper than ${maxDepth} levels. Flatten it.`);
  }
  for (const name of Object.keys(value)) {
    if (isForbiddenKey(name))
      return refused('key_forbidden', `${path.slice(0, 120)}.${name} is not allowed as a name. Remove it.`);
    const inner = (value as Record<string, unknown>)[name];
    if (typeof inner === 'number' && !Number.isFinite(inner)) {
      return refused(
        'number_not_finite',
        `${path.slice(0, 120)}.${name} is larger than any number can be. Send a finite number.`,
      );
    }
    if (typeof inner !== 'object' || inner === null) continue;
    const problem = deepObjectProblem(`${path}.${name}`, inner, depth + 1);
    if (problem) return problem;
  }
  return undefined;
}
