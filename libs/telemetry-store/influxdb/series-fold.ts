import type { Aggregation } from '../telemetry-store.port.js';

/** Folds the values of one device's metric, in order of time, into buckets. */
export class SeriesFold {
  private readonly buckets = new Map<number, { value: number; count: number }>();
  private before: number | undefined;

  constructor(
    private readonly aggregation: Aggregation,
    private readonly bucketOf: (at: number) => number,
    /** Values from earlier only tell what a counter grew from. */
    private readonly from: number,
  ) {}

  /** `value` is undefined for a text or an object, which is counted only. */
  add(at: number, value: number | undefined): void {
    if (this.aggregation !== 'count' && value === undefined) return;
    const { before } = this;
    this.before = value ?? before;
    if (at < this.from) return;
    if (this.aggregation === 'increase') {
      if (before !== undefined && value !== undefined) this.put(at, growth(before, value));
    } else {
      this.put(at, value ?? 0);
    }
  }

  /** The value of a bucket, null where it holds none. */
  value(index: number): number | null {
    const bucket = this.buckets.get(index);
    if (!bucket) return null;
    if (this.aggregation === 'count') return bucket.count;
    return this.aggregation === 'mean' ? bucket.value / bucket.count : bucket.value;
  }

  private put(at: number, value: number): void {
    const index = this.bucketOf(at);
    const bucket = this.buckets.get(index);
    if (!bucket) this.buckets.set(index, { value, count: 1 });
    else {
      bucket.count += 1;
      bucket.value = merged(this.aggregation, bucket.value, value);
    }
  }
}

function merged(aggregation: Aggregation, a: number, b: number): number {
  switch (aggregation) {
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
    case 'last':
      return b;
    default:
      return a + b;
  }
}

/** A fall below half of the value before means that the counter began again from 0; a smaller one counts as it is. */
function growth(before: number, value: number): number {
  return value < before / 2 ? value : value - before;
}
