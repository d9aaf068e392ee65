import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import type { GoldenFrame, GoldenFrameCheck, GoldenFrameFailure } from '#libs/devices';
import { NormaliserEngine } from '../normaliser.engine.js';
import type { ProductDefinition } from '../product-compiler.js';
import { type TrialResult, tryFrames } from './dry-run.js';

/** Numbers may differ by what a conversion of units rounds away. */
const tolerance = 1e-9;

/** Golden frames against a version of a product, before it may be published. */
@Injectable()
export class GoldenFrames implements GoldenFrameCheck {
  constructor(@Inject(NormaliserEngine) private readonly engine: NormaliserEngine) {}

  async check(version: ProductDefinition, frames: readonly GoldenFrame[]): Promise<GoldenFrameFailure[]> {
    const trials = frames.map(({ kind, hex, port, event, receivedAt, settings }) => ({
      kind,
      event: kind === 'event' ? event : undefined,
      frame: {
        payload: Buffer.from(hex, 'hex'),
        receivedAt: receivedAt === undefined ? this.engine.clock.now() : Date.parse(receivedAt),
        port,
        tenantKey: '',
        settings: settings ?? {},
      },
    }));
    const results = await tryFrames(this.engine, version, trials);
    return frames.flatMap((frame, index) => {
      const problem = problemOf(frame, results[index] as TrialResult);
      return problem === undefined ? [] : [{ frame: frame.name, problem }];
    });
  }
}

function problemOf({ expected }: GoldenFrame, result: TrialResult): string | undefined {
  if (expected.refused !== undefined) {
    if (result.outcome === 'decoded') return `It decodes, where it must be refused with ${expected.refused}.`;
    return result.reason === expected.refused
      ? undefined
      : `It is refused with ${result.reason} instead of ${expected.refused}: ${result.detail}`;
  }
  if (result.outcome === 'rejected') return `It is refused with ${result.reason}: ${result.detail}`;
  const readings = result.reports.flatMap((report) => report.readings);
  const wrong = Object.entries(expected.readings ?? {}).flatMap(([metric, wanted]) => {
    const found = readings.filter((reading) => reading.metric === metric).map((reading) => reading.value);
    if (found.some((value) => isSame(value, wanted))) return [];
    const shown = found.length === 0 ? 'missing' : found.map((value) => JSON.stringify(value)).join(' and ');
    return [`${metric} is ${shown} instead of ${JSON.stringify(wanted)}`];
  });
  return wrong.length === 0 ? undefined : `${wrong.join('; ')}.`;
}

function isSame(found: unknown, wanted: unknown): boolean {
  if (typeof found === 'number' && typeof wanted === 'number') {
    return Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
  }
  return isDeepStrictEqual(found, wanted);
}
