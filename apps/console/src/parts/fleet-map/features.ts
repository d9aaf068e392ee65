import { severities } from '../vocabulary.js';
import { graticule } from './graticule.js';
import { hullOf } from './hull.js';
import type { MapFleet } from './map-fleet.js';
import { countLabel, type Spot, toneOf } from './spots.js';
import { placeOf, type WorldBox, type WorldPoint } from './world.js';

type Properties = Record<string, string | number>;
type Geometry =
  | { type: 'Point'; coordinates: number[] }
  | { type: 'LineString'; coordinates: number[][] }
  | { type: 'Polygon'; coordinates: number[][][] }
  | { type: 'MultiPolygon'; coordinates: number[][][][] };
/** Features as MapLibre takes them. */
export interface Collection {
  type: 'FeatureCollection';
  features: { type: 'Feature'; properties: Properties; geometry: Geometry }[];
}

/** A district, as the API tells of it. */
export interface District {
  code: string;
  /** GeoJSON Polygon or MultiPolygon; null where nobody has drawn it. */
  boundary: object | null;
}

/** An area is drawn by the devices that lie farthest out in each of these directions: one pass, whatever their number. */
const directions = Array.from({ length: 64 }, (_, n) => (n / 64) * 2 * Math.PI).map((angle) => ({
  x: Math.cos(angle),
  y: Math.sin(angle),
}));

const feature = (properties: Properties, geometry: Geometry) => ({ type: 'Feature' as const, properties, geometry });
const collection = (features: Collection['features']): Collection => ({ type: 'FeatureCollection', features });
const lonLat = (point: WorldPoint) => {
  const { longitude, latitude } = placeOf(point);
  return [longitude, latitude];
};

/** Spots, those with the worst alerts on top. */
export function spotFeatures(spots: readonly Spot[]): Collection {
  const ordered = [...spots].sort((a, b) => b.severity - a.severity);
  return collection(
    ordered.map((spot) =>
      feature(
        {
          device: spot.device,
          count: spot.count,
          label: countLabel(spot.count),
          size: spot.count === 1 ? 0 : Math.log10(spot.count) + 0.4,
          tone: toneOf(spot),
          alert: spot.severity < severities.length ? 1 : 0,
        },
        { type: 'Point', coordinates: lonLat(spot) },
      ),
    ),
  );
}

/** The graticule of a view, and the names of its lines at the edges. */
export function graticuleFeatures(box: WorldBox, view: WorldBox): { lines: Collection; labels: Collection } {
  const northWest = placeOf({ x: box.west, y: box.north });
  const southEast = placeOf({ x: box.east, y: box.south });
  const drawn = graticule({
    west: northWest.longitude,
    east: southEast.longitude,
    north: northWest.latitude,
    south: southEast.latitude,
  });
  const edge = placeOf({ x: view.west, y: view.south });
  return {
    lines: collection(
      drawn.map(({ from, to }) =>
        feature(
          {},
          {
            type: 'LineString',
            coordinates: [
              [from.longitude, from.latitude],
              [to.longitude, to.latitude],
            ],
          },
        ),
      ),
    ),
    labels: collection(
      drawn.map(({ label, from, to }) => {
        const isMeridian = from.longitude === to.longitude;
        const coordinates = isMeridian ? [from.longitude, edge.latitude] : [edge.longitude, from.latitude];
        return feature({ label }, { type: 'Point', coordinates });
      }),
    ),
  };
}

/**
 * The districts, within their boundaries where somebody drew them; else, where devices lie in them, as the hull of those.
 * Each with a label at the south of it.
 */
export function areaFeatures(
  fleet: MapFleet,
  districts: readonly District[],
  nameOf: (code: string) => string,
): { shapes: Collection; labels: Collection } {
  const shapes: Collection['features'] = [];
  const labels: Collection['features'] = [];
  const add = (code: string, shape: Geometry, south: readonly number[]) => {
    shapes.push(feature({ code }, shape));
    labels.push(feature({ label: nameOf(code) }, { type: 'Point', coordinates: [...south] }));
  };
  const drawn = new Set<string>();
  for (const { code, boundary } of districts) {
    if (!boundary) continue;
    drawn.add(code);
    const shape = boundary as Extract<Geometry, { type: 'Polygon' | 'MultiPolygon' }>;
    const rings = shape.type === 'Polygon' ? shape.coordinates : shape.coordinates.flat();
    const corners = rings.flat() as [number, number][];
    add(
      code,
      shape,
      corners.reduce((south, corner) => (corner[1] < south[1] ? corner : south)),
    );
  }
  const points = outermost(fleet);
  for (const [area, code] of fleet.areas.entries()) {
    const hull = code === '' || drawn.has(code) ? undefined : hullOf(points[area] ?? []);
    if (!hull) continue;
    const south = hull.reduce((lowest, point) => (point.y > lowest.y ? point : lowest));
    add(code, { type: 'Polygon', coordinates: [hull.map(lonLat)] }, lonLat(south));
  }
  return { shapes: collection(shapes), labels: collection(labels) };
}

/** For each area its devices that lie farthest out. */
function outermost(fleet: MapFleet): WorldPoint[][] {
  const farthest = fleet.areas.map(() => new Float64Array(directions.length).fill(-Infinity));
  const devices = fleet.areas.map(() => new Int32Array(directions.length).fill(-1));
  for (let index = 0; index < fleet.size; index++) {
    const area = fleet.area[index] as number;
    const [mine, best] = [farthest[area], devices[area]];
    if (!mine || !best || !fleet.isThere(index)) continue;
    for (let n = 0; n < directions.length; n++) {
      const { x, y } = directions[n] as WorldPoint;
      const reach = (fleet.x[index] as number) * x + (fleet.y[index] as number) * y;
      if (reach <= (mine[n] as number)) continue;
      mine[n] = reach;
      best[n] = index;
    }
  }
  return devices.map((found) =>
    [...new Set(found)]
      .filter((index) => index >= 0)
      .map((index) => ({ x: fleet.x[index] as number, y: fleet.y[index] as number })),
  );
}

/** The box around all devices shown; undefined where there is none. */
export function boxOf(fleet: MapFleet, shown: Uint8Array): WorldBox | undefined {
  const box = { west: Infinity, east: -Infinity, north: Infinity, south: -Infinity };
  for (let index = 0; index < fleet.size; index++) {
    if (shown[index] === 0) continue;
    box.west = Math.min(box.west, fleet.x[index] as number);
    box.east = Math.max(box.east, fleet.x[index] as number);
    box.north = Math.min(box.north, fleet.y[index] as number);
    box.south = Math.max(box.south, fleet.y[index] as number);
  }
  return Number.isFinite(box.west) ? box : undefined;
}
