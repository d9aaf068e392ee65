/** Units that people give durations in, the largest first. */
export const durationUnits = ['d', 'h', 'min', 's', 'ms'] as const;
export type DurationUnit = (typeof durationUnits)[number];

/** A duration as a form holds it; no amount is no duration. */
export interface Duration {
  amount: number | null;
  unit: DurationUnit;
}

const unitMs: Record<DurationUnit, number> = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1_000, ms: 1 };

/** In the largest unit that gives a whole number. */
export function durationOf(milliseconds: number | undefined, emptyUnit: DurationUnit = 'min'): Duration {
  if (milliseconds === undefined) return { amount: null, unit: emptyUnit };
  if (milliseconds === 0) return { amount: 0, unit: emptyUnit };
  const unit = durationUnits.find((one) => milliseconds % unitMs[one] === 0) ?? 'ms';
  return { amount: milliseconds / unitMs[unit], unit };
}

/** Whole milliseconds; undefined where no amount is given. */
export function millisecondsOf({ amount, unit }: Duration): number | undefined {
  return amount === null ? undefined : Math.round(amount * unitMs[unit]);
}
