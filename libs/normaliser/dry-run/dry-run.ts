import { qualityNames, type Report } from '#libs/contracts';
import type { DecodeResult, Frame, ScriptPosition, Warning } from '../decoders/decoder.js';
import { type Normalised, normalise, rejected } from '../normalise.js';
import type { NormaliserEngine } from '../normaliser.engine.js';
import type { CompiledProduct, ProductDefinition } from '../product-compiler.js';

/** A frame to try. */
export interface Trial {
  kind: 'up' | 'telemetry' | 'event';
  frame: Frame;
  event: string | undefined;
}

/** What a product version makes of a frame, without anything being kept. */
export interface TrialResult {
  outcome: 'decoded' | 'rejected';
  /** '' where it decoded. */
  reason: string;
  detail: string;
  decoder: string;
  reports: readonly TrialReport[];
  warnings: readonly Warning[];
  /** Where in the codec's script it failed. */
  position: ScriptPosition | undefined;
  logs: readonly string[];
  elapsedMs: number;
}

export interface TrialReport extends Omit<Report, 'readings'> {
  readings: readonly { metric: string; value: unknown; unit: string | undefined; quality: readonly string[] }[];
}

/** Decodes and judges frames as the stage would, except that nothing is known of earlier ones. */
export async function tryFrames(
  engine: NormaliserEngine,
  definition: ProductDefinition,
  trials: readonly Trial[],
): Promise<TrialResult[]> {
  const product = engine.compiler.compile(definition);
  const results: TrialResult[] = [];
  for (const trial of trials) results.push(await tryOne(engine, product, trial));
  return results;
}

async function tryOne(engine: NormaliserEngine, product: CompiledProduct, trial: Trial): Promise<TrialResult> {
  const started = performance.now();
  const decoder = trial.kind === 'up' ? product.decoder : engine.compiler.json;
  const result =
    trial.kind === 'up'
      ? ((await decoder.decode([trial.frame]))[0] as DecodeResult)
      : engine.compiler.json.decodeOne(trial.frame.payload, trial.kind === 'event');
  const warnings: Warning[] = result.kind === 'decoded' ? [...result.warnings] : [];
  const message = { payload: trial.frame.payload, receivedAt: trial.frame.receivedAt, event: trial.event };
  const normalised: Normalised =
    result.kind === 'decoded'
      ? normalise(result, message, product.model, engine.bounds, undefined, warnings)
      : rejected(result.reason, result.detail);
  return {
    outcome: normalised.outcome === 'rejected' ? 'rejected' : 'decoded',
    reason: normalised.reason,
    detail: normalised.detail,
    decoder: decoder.name,
    reports: normalised.reports.map((report) => shown(report, product)),
    warnings,
    position: result.kind === 'refused' ? result.position : undefined,
    logs: result.logs ?? [],
    elapsedMs: Math.round((performance.now() - started) * 1000) / 1000,
  };
}

function shown(report: Report, product: CompiledProduct): TrialReport {
  return {
    ...report,
    readings: report.readings.map(({ metric, value, quality }) => ({
      metric,
      value,
      unit: product.model.property(metric)?.unit,
      quality: qualityNames(quality),
    })),
  };
}
