import type { Place } from './world.js';

/** A line of the graticule: a meridian or a parallel, with its name. */
export interface GraticuleLine {
  label: string;
  from: Place;
  to: Place;
}

const steps = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const mostLines = 12;

/** Meridians and parallels through what is seen, as many as are easy to read. Degrees; a view may reach beyond 180. */
export function graticule(view: { west: number; east: number; south: number; north: number }): GraticuleLine[] {
  const span = Math.max(view.east - view.west, view.north - view.south);
  const step = steps.findLast((degrees) => span / degrees <= mostLines) ?? 30;
  const [south, north] = [Math.max(-85, view.south), Math.min(85, view.north)];
  const meridians = multiples(view.west, view.east, step).map((longitude) => ({
    label: degreesText(normal(longitude), step, 'E', 'W'),
    from: { longitude, latitude: south },
    to: { longitude, latitude: north },
  }));
  const parallels = multiples(south, north, step).map((latitude) => ({
    label: degreesText(latitude, step, 'N', 'S'),
    from: { longitude: view.west, latitude },
    to: { longitude: view.east, latitude },
  }));
  return [...meridians, ...parallels];
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step);
  const last = Math.floor(to / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => round((first + n) * step));
}

function degreesText(degrees: number, step: number, positive: string, negative: string): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  const side = degrees === 0 ? '' : degrees > 0 ? positive : negative;
  return `${Math.abs(degrees).toFixed(digits)}°${side}`;
}

function normal(longitude: number): number {
  return round(((((longitude + 180) % 360) + 360) % 360) - 180);
}

function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6;
}
