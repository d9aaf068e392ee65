import { severities } from '../vocabulary.js';
import { deviceStates, type MapFleet } from './map-fleet.js';
import type { WorldBox } from './world.js';

/** What is drawn in one place: a device, or several that would lie on each other. */
export interface Spot {
  /** Web Mercator, 0 to 1: the middle of its devices. */
  x: number;
  y: number;
  count: number;
  /** Index of the worst alert among them; the number of severities where there is none. */
  severity: number;
  online: number;
  /** The first of them; the only one where `count` is 1. */
  device: number;
}

const worldPixels = 512;
/** From here on only what really overlaps is drawn together. */
const closeZoom = 15;
const cellPixels = { far: 52, close: 14 };
const online = deviceStates.indexOf('online');

/** How wide a cell is at a zoom level, in parts of the world. Cells lie still while the map moves. */
export function cellSize(zoom: number): number {
  const level = Math.max(0, Math.floor(zoom));
  return (level < closeZoom ? cellPixels.far : cellPixels.close) / (worldPixels * 2 ** level);
}

/** Devices gathered by cell: those in the box for which `shown` is not 0. One pass over columns of numbers. */
export function spotsIn(fleet: MapFleet, shown: Uint8Array, box: WorldBox, zoom: number): Spot[] {
  const size = cellSize(zoom);
  const across = Math.ceil(1 / size) + 1;
  const spots = new Map<number, Spot>();
  const { x: xs, y: ys, severity: severityOf, state } = fleet;
  for (let index = 0; index < fleet.size; index++) {
    if (shown[index] === 0) continue;
    const x = xs[index] as number;
    const y = ys[index] as number;
    if (x < box.west || x > box.east || y < box.north || y > box.south) continue;
    const cell = Math.floor(x / size) + Math.floor(y / size) * across;
    const severity = severityOf[index] as number;
    const isOnline = state[index] === online ? 1 : 0;
    const spot = spots.get(cell);
    if (!spot) {
      spots.set(cell, { x, y, count: 1, severity, online: isOnline, device: index });
      continue;
    }
    spot.count++;
    // The running mean: sums of numbers this close together would lose digits.
    spot.x += (x - spot.x) / spot.count;
    spot.y += (y - spot.y) / spot.count;
    if (severity < spot.severity) spot.severity = severity;
    spot.online += isOnline;
  }
  return [...spots.values()];
}

/** The devices of a spot: those shown in the cell that the point is in. At most `limit`, the worst first. */
export function devicesAt(
  fleet: MapFleet,
  shown: Uint8Array,
  spot: Pick<Spot, 'device'>,
  zoom: number,
  limit: number,
): number[] {
  const size = cellSize(zoom);
  const cell = (index: number) => [
    Math.floor((fleet.x[index] as number) / size),
    Math.floor((fleet.y[index] as number) / size),
  ];
  const [column, row] = cell(spot.device);
  const found: number[] = [];
  for (let index = 0; index < fleet.size; index++) {
    if (shown[index] === 0) continue;
    const [itsColumn, itsRow] = cell(index);
    if (itsColumn === column && itsRow === row) found.push(index);
  }
  return found.sort((a, b) => (fleet.severity[a] as number) - (fleet.severity[b] as number)).slice(0, limit);
}

/** What is written on a spot: "7", "340", "12k". */
export function countLabel(count: number): string {
  if (count < 2) return '';
  if (count < 1_000) return String(count);
  if (count < 10_000) return `${(Math.floor(count / 100) / 10).toFixed(1)}k`;
  return `${Math.floor(count / 1_000)}k`;
}

/** What colours a spot: the worst alert, else whether it can be heard. */
export function toneOf(spot: Pick<Spot, 'severity' | 'online' | 'count'>): string {
  const severity = severities[spot.severity];
  if (severity) return severity;
  if (spot.online === 0) return 'silent';
  return spot.online === spot.count ? 'online' : 'mixed';
}
