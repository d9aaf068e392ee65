import type { WorldPoint } from './world.js';

/** The convex hull of points (Andrew's monotone chain), closed; undefined for fewer than three that span something. */
export function hullOf(points: readonly WorldPoint[]): WorldPoint[] | undefined {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const lower = chain(sorted);
  const upper = chain(sorted.reverse());
  const ring = [...lower.slice(0, -1), ...upper.slice(0, -1)];
  const [first] = ring;
  return first && ring.length >= 3 ? [...ring, first] : undefined;
}

function chain(points: readonly WorldPoint[]): WorldPoint[] {
  const kept: WorldPoint[] = [];
  for (const point of points) {
    while (kept.length >= 2 && turn(kept.at(-2) as WorldPoint, kept.at(-1) as WorldPoint, point) <= 0) kept.pop();
    kept.push(point);
  }
  return kept;
}

function turn(a: WorldPoint, b: WorldPoint, c: WorldPoint): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}
