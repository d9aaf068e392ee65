/** Degrees, WGS-84. */
export interface Place {
  longitude: number;
  latitude: number;
}

/** Web Mercator, the world from 0 to 1, y to the south. */
export interface WorldPoint {
  x: number;
  y: number;
}

/** A part of the world. */
export interface WorldBox {
  west: number;
  east: number;
  north: number;
  south: number;
}

/** Beyond it Web Mercator has no picture. */
const lastLatitude = 85.051129;

export function worldOf({ longitude, latitude }: Place): WorldPoint {
  const radians = (Math.min(lastLatitude, Math.max(-lastLatitude, latitude)) * Math.PI) / 180;
  return { x: longitude / 360 + 0.5, y: 0.5 - Math.log(Math.tan(Math.PI / 4 + radians / 2)) / (2 * Math.PI) };
}

export function placeOf({ x, y }: WorldPoint): Place {
  const latitude = (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
  return { longitude: (x - 0.5) * 360, latitude };
}

/** The box with as much around it, by `share` of its size on each side. */
export function widened({ west, east, north, south }: WorldBox, share: number): WorldBox {
  const [x, y] = [(east - west) * share, (south - north) * share];
  return { west: west - x, east: east + x, north: north - y, south: south + y };
}

export function contains(outer: WorldBox, inner: WorldBox): boolean {
  return (
    outer.west <= inner.west && outer.east >= inner.east && outer.north <= inner.north && outer.south >= inner.south
  );
}
