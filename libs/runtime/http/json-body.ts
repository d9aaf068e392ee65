import type { FastifyInstance } from 'fastify';
import { invalid } from '../errors.js';

/** Largest body, in bytes, and deepest nesting of objects and arrays in it. */
export const jsonLimits = { bytes: 1_048_576, depth: 32 } as const;

const forbiddenKeys = ['__proto__', 'constructor'] as const;

/**
 * JSON from outside: at most 32 levels deep, and without keys that reach into prototypes. Throws 400 `json_malformed`,
 * `json_too_deep` or `json_key_forbidden`. An empty text is undefined.
 */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid('json_malformed', `The body is not JSON: ${(error as Error).message}.`);
  }
  checkLevels(document);
  return document;
}

/** Level by level, not by recursion: the depth is what is not trusted. */
function checkLevels(document: unknown): void {
  let level: object[] = isObject(document) ? [document] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > jsonLimits.depth) {
      throw invalid('json_too_deep', `The body nests deeper than ${jsonLimits.depth} levels.`);
    }
    const next: object[] = [];
    for (const node of level) {
      for (const key of forbiddenKeys) {
        if (Object.hasOwn(node, key)) throw invalid('json_key_forbidden', `The body has a key "${key}". Rename it.`);
      }
      for (const value of Object.values(node)) if (isObject(value)) next.push(value);
    }
    level = next;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Makes JSON, so parsed, the only body a server reads; anything else is answered 415. */
export function readJsonOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'string', bodyLimit: jsonLimits.bytes },
    (_request, body, done) => {
      try {
        done(null, parseJson(body as string));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}
