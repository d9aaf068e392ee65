import type { Schemas } from '../../api/schemas.js';

type Reading = Schemas['ReadingView'];

/**
 * The latest readings after others have come: by `observedAt`, as the platform itself does it, so that a late report does
 * not take the place of a newer one; of the same moment a higher revision wins.
 */
export function mergeLatest(known: readonly Reading[], came: readonly Reading[]): Reading[] {
  const byMetric = new Map(known.map((reading) => [reading.metric, reading]));
  for (const reading of came) {
    const held = byMetric.get(reading.metric);
    if (!held || isNewer(reading, held)) byMetric.set(reading.metric, reading);
  }
  return [...byMetric.values()].sort((a, b) => a.metric.localeCompare(b.metric));
}

function isNewer(reading: Reading, held: Reading): boolean {
  const difference = Date.parse(reading.observedAt) - Date.parse(held.observedAt);
  return difference > 0 || (difference === 0 && reading.revision >= held.revision);
}
