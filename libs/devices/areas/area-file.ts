import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError } from '#libs/runtime';

/** A district of the city. */
export interface Area {
  /** GB/T 2260 */
  code: string;
  name: { zh: string; en: string };
  /** GeoJSON (RFC 7946, WGS-84); null where nobody has drawn it. */
  boundary: Boundary | null;
}
export type Boundary = z.infer<typeof boundary>;

/** Enough for a city's districts drawn to some ten metres; every console loads it. */
const mostBytes = 4 * 1_048_576;
const mostAreas = 500;

const position = z.tuple([z.number().min(-180).max(180), z.number().min(-90).max(90)]).rest(z.number());
const ring = z.array(position).min(4, 'a ring has 4 positions or more');
const boundary = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Polygon'), coordinates: z.array(ring).min(1) }),
  z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(ring).min(1)).min(1) }),
]);
const code = z.coerce.string().regex(/^\d{6}$/, 'a code of 6 digits, as 520302');
const name = z.string().min(1).max(100);
const feature = z.object({
  type: z.literal('Feature'),
  properties: z
    .object({ code: code.optional(), adcode: code.optional(), name, nameEn: name.optional() })
    .refine((named) => (named.code ?? named.adcode) !== undefined, { path: ['code'], error: 'is missing' }),
  geometry: boundary.nullable(),
});
const collection = z.object({
  type: z.literal('FeatureCollection'),
  features: z.array(feature).min(1).max(mostAreas),
});

/** The areas in a file. Throws `ConfigError` that names the setting, the place in the file and what is wrong there. */
export async function readAreaFile(path: string): Promise<Area[]> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw new Error(`it has ${size} bytes, and ${mostBytes} is the most; simplify its lines`);
    return areasOf(await readFile(path, 'utf8'));
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`AREAS_FILE=${path} cannot be used: ${message}. Name a GeoJSON FeatureCollection.`);
  }
}

/** The areas of a GeoJSON text. Throws an error that names the first things that are wrong. */
export function areasOf(text: string): Area[] {
  const parsed = collection.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const wrong = parsed.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
    throw new Error(wrong.join('; '));
  }
  const areas = parsed.data.features.map(({ properties, geometry }) => ({
    code: (properties.code ?? properties.adcode) as string,
    name: { zh: properties.name, en: properties.nameEn ?? properties.name },
    boundary: geometry,
  }));
  const twice = areas.find((area, index) => areas.findIndex((other) => other.code === area.code) < index);
  if (twice) throw new Error(`features: the code ${twice.code} is there twice`);
  return areas;
}
