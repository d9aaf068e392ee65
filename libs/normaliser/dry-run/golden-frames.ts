import { isDeepStrictEqual } from 'node:util';
import type { GoldenFrame, GoldenFrameCheck, GoldenFrameProblem } from '#libs/devices';
import type { NormaliserEngine } from '../normaliser.engine.js';
import { type TrialResult, tryFrames } from './dry-run.js';

/** Numbers may differ by what a conversion of units rounds away. */
const tolerance = 1e-9;

/** The check of golden frames that publishing a product version asks for; nothing is kept. */
export function goldenFrameCheck(engine: NormaliserEngine): GoldenFrameCheck {
  return async (version, frames) => {
    const trials = frames.map(({ kind, hex, port }) => ({
      kind,
      event: undefined,
      frame: { payload: Buffer.from(hex, 'hex'), receivedAt: engine.clock.now(), port, tenantKey: '', settings: {} },
    }));
    const results = await tryFrames(engine, version, trials);
    return frames.flatMap((frame, index) => problemsOf(frame, results[index] as TrialResult));
  };
}

function problemsOf({ name, expected }: GoldenFrame, result: TrialResult): GoldenFrameProblem[] {
  if (result.outcome === 'rejected')
    return [{ frame: name, problem: `It is refused with ${result.reason}: ${result.detail}` }];
  const readings = result.reports.flatMap((report) => report.readings);
  return Object.entries(expected).flatMap(([metric, wanted]) => {
    const found = readings.filter((reading) => reading.metric === metric).map((reading) => reading.value);
    if (found.some((value) => isSame(value, wanted))) return [];
    const shown = found.length === 0 ? 'missing' : found.map((value) => JSON.stringify(value)).join(' and ');
    return [{ frame: name, problem: `${metric} is ${shown} instead of ${JSON.stringify(wanted)}.` }];
  });
}

function isSame(found: unknown, wanted: unknown): boolean {
  if (typeof found === 'number' && typeof wanted === 'number') {
    return Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
  }
  return isDeepStrictEqual(found, wanted);
}
