import type { Aggregation } from '../telemetry-store.port.js';
import { growthFrom, joined, type Rollup } from './rollup.js';

/** A bucket's readings, and the number before them. */
interface Filled {
  rollup: Rollup;
  before: number | undefined;
}

/** Folds readings and roll-ups of one device's metric, in order of time, into buckets. */
export class SeriesFold {
  private readonly buckets = new Map<number, Filled>();
  private before: number | undefined;

  constructor(
    private readonly aggregation: Aggregation,
    private readonly bucketOf: (at: number) => number,
    /** What is earlier only tells what a counter grew from. */
    private readonly from: number,
  ) {}

  add(rollup: Rollup): void {
    if (rollup.at >= this.from) {
      const index = this.bucketOf(rollup.at);
      const filled = this.buckets.get(index);
      if (filled) filled.rollup = joined(filled.rollup, rollup);
      else this.buckets.set(index, { rollup, before: this.before });
    }
    if (rollup.numbers > 0) this.before = rollup.closing;
  }

  /** The value of a bucket, null where it holds none. */
  value(index: number): number | null {
    const filled = this.buckets.get(index);
    if (!filled) return null;
    const { rollup } = filled;
    if (this.aggregation === 'count') return rollup.readings === 0 ? null : rollup.readings;
    if (rollup.numbers === 0) return null;
    switch (this.aggregation) {
      case 'min':
        return rollup.least;
      case 'max':
        return rollup.greatest;
      case 'mean':
        return rollup.total / rollup.numbers;
      case 'sum':
        return rollup.total;
      case 'last':
        return rollup.closing;
      case 'increase':
        return increaseOf(filled);
    }
  }
}

/** Growth since the number before the bucket, or within it where there is none before. */
function increaseOf({ rollup, before }: Filled): number | null {
  if (before !== undefined) return growthFrom(before, rollup.opening) + rollup.growth;
  return rollup.numbers > 1 ? rollup.growth : null;
}
