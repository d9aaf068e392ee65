import type { Aggregation, Resolution, TimeOfResolution, TimeRange } from './telemetry-store.port.js';

/** A stretch of a range, and what answers for it. Of roll-ups, those that begin in it. */
export interface Stretch extends TimeRange {
  resolution: Resolution;
}

/** The part of a question for a series that its plan depends on; all of the range is one bucket where there are no steps. */
export interface SteppedRange {
  range: TimeRange;
  steps?: { stepMs: number; originMs: number };
}

/** A question for a series, as far as its plan depends on it. */
export interface SeriesQuestion {
  range: TimeRange;
  stepMs: number;
  originMs: number;
  aggregation: Aggregation;
}

/** What there is to answer from. */
export interface RollupCoverage {
  /** Local days whose roll-ups hold every reading of the day, in order of time. */
  days: readonly TimeRange[];
  /** Nothing from earlier is kept; each at the start of a local day. */
  keptFrom: TimeOfResolution;
}

/** Stretches in order of time that do not overlap, or the finest that is still kept where that is too coarse. */
export type SeriesPlan =
  | { kind: 'stretches'; stretches: Stretch[] }
  | { kind: 'too_fine'; kept: 'hour' | 'day'; before: number };

const dayMs = 86_400_000;

/** Roll-ups of an hour begin with the local day and every hour after that; the last of a day may be shorter. */
export const hourMs = 3_600_000;

/**
 * Chooses what answers for each stretch of a range: the coarsest roll-ups that lie in one bucket and in the range as a whole,
 * readings elsewhere, so that the answer is the one from readings. Where readings are no longer kept, a roll-up at an end of
 * the range counts when it begins in the range, and a question that needs finer ones than are kept is too fine.
 */
export function planSeries(question: SteppedRange, coverage: RollupCoverage): SeriesPlan {
  const { range } = question;
  const { keptFrom } = coverage;
  const stretches: Stretch[] = [];
  const add = (resolution: Resolution, from: number, to: number) => {
    const start = resolution === 'reading' ? Math.max(from, keptFrom.reading) : from;
    if (start >= to) return;
    const last = stretches.at(-1);
    if (last?.resolution === resolution && last.to === start) last.to = to;
    else stretches.push({ resolution, from: start, to });
  };
  let planned = range.from;
  for (const day of coverage.days) {
    if (day.to <= range.from || day.from >= range.to) continue;
    add('reading', planned, day.from);
    const from = Math.max(day.from, range.from);
    const to = Math.min(day.to, range.to);
    const gone = day.from < keptFrom.reading;
    const resolution = resolutionFor(question, day, keptFrom, gone);
    if (resolution === undefined) {
      return { kind: 'too_fine', kept: day.from >= keptFrom.hour ? 'hour' : 'day', before: endOfGone(coverage) };
    }
    const whole = resolution === 'hour' && !gone ? wholeHours(day, { from, to }) : { from, to };
    add('reading', from, whole.from);
    add(resolution, whole.from, whole.to);
    add('reading', whole.to, to);
    planned = to;
  }
  add('reading', planned, range.to);
  return { kind: 'stretches', stretches };
}

/** The same for a question: for growth, also of the time before its range, as far as that is kept. */
export function planQuestion(question: SeriesQuestion, coverage: RollupCoverage): SeriesPlan {
  const { range } = question;
  const plan = planSeries({ range, steps: question }, coverage);
  if (plan.kind === 'too_fine') return plan;
  const before = planSeries({ range: { from: lookedAtFrom(question), to: range.from } }, coverage);
  if (before.kind === 'too_fine') return plan;
  return { kind: 'stretches', stretches: [...before.stretches, ...plan.stretches] };
}

/**
 * From when on readings matter to a question. A counter's reading before the range is looked for so far back: two steps, at
 * least two days, at most 32.
 */
export function lookedAtFrom({ aggregation, range, stepMs }: SeriesQuestion): number {
  if (aggregation !== 'increase') return range.from;
  return range.from - Math.min(Math.max(2 * stepMs, 2 * dayMs), 32 * dayMs);
}

/** What to tell the one who asked for steps that are too fine. */
export function tooFineDetail({ kept, before }: Extract<SeriesPlan, { kind: 'too_fine' }>): string {
  const fix =
    kept === 'hour'
      ? 'whole hours that begin with an hour of the local day (PT1H)'
      : 'whole days that begin with the local day (P1D)';
  const until = new Date(before).toISOString();
  return `Readings from before ${until} are no longer kept, only their roll-ups by the ${kept}: ask for steps of ${fix}, or for a later range.`;
}

/** The coarsest that fits a rolled-up day, or undefined where nothing kept is fine enough. */
function resolutionFor(
  question: SteppedRange,
  day: TimeRange,
  keptFrom: TimeOfResolution,
  gone: boolean,
): Resolution | undefined {
  const { range, steps } = question;
  const dayFits = day.from >= keptFrom.day && (!steps || stepOf(day.from, steps) === stepOf(day.to - 1, steps));
  if (dayFits && day.from >= range.from && day.to <= range.to) return 'day';
  const hoursFit = !steps || (steps.stepMs % hourMs === 0 && (day.from - steps.originMs) % hourMs === 0);
  if (day.from >= keptFrom.hour && hoursFit) return 'hour';
  if (!gone) return 'reading';
  return dayFits ? 'day' : undefined;
}

function stepOf(at: number, { stepMs, originMs }: { stepMs: number; originMs: number }): number {
  return Math.floor((at - originMs) / stepMs);
}

/** The hours of a day that lie in a range as a whole; empty, at its end, where none does. */
function wholeHours(day: TimeRange, { from, to }: TimeRange): TimeRange {
  const first = Math.min(day.from + Math.ceil((from - day.from) / hourMs) * hourMs, to);
  const last = to === day.to ? to : day.from + Math.floor((to - day.from) / hourMs) * hourMs;
  return first < last ? { from: first, to: last } : { from: to, to };
}

function endOfGone({ days, keptFrom }: RollupCoverage): number {
  return days.findLast((day) => day.from < keptFrom.reading)?.to ?? keptFrom.reading;
}
