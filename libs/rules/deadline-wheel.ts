/** Which device is due when, to the second. A device may be in it more than once; its owner knows which time counts. */
export class DeadlineWheel {
  private readonly buckets = new Map<number, string[]>();
  /** No bucket is earlier than this second. */
  private first = Number.POSITIVE_INFINITY;

  /** How many entries there are. */
  get size(): number {
    let size = 0;
    for (const bucket of this.buckets.values()) size += bucket.length;
    return size;
  }

  /** Puts a device in; answers the time at which it will come out, rounded up to the second. */
  add(key: string, dueMs: number): number {
    const second = Math.ceil(dueMs / 1000);
    const bucket = this.buckets.get(second);
    if (bucket) bucket.push(key);
    else this.buckets.set(second, [key]);
    if (second < this.first) this.first = second;
    return second * 1000;
  }

  /** Takes out what is due at `nowMs`, earliest first, at most about `limit` entries. */
  take(nowMs: number, limit: number): { key: string; dueMs: number }[] {
    const now = Math.floor(nowMs / 1000);
    if (now < this.first) return [];
    const due: { key: string; dueMs: number }[] = [];
    for (const second of this.dueSeconds(now)) {
      const bucket = this.buckets.get(second) as string[];
      const taken = bucket.splice(0, limit - due.length);
      for (const key of taken) due.push({ key, dueMs: second * 1000 });
      if (bucket.length > 0) {
        this.first = second;
        return due;
      }
      this.buckets.delete(second);
    }
    this.first = this.buckets.size === 0 ? Number.POSITIVE_INFINITY : now + 1;
    return due;
  }

  private dueSeconds(now: number): number[] {
    const seconds: number[] = [];
    if (now - this.first < this.buckets.size) {
      for (let second = this.first; second <= now; second += 1) if (this.buckets.has(second)) seconds.push(second);
      return seconds;
    }
    for (const second of this.buckets.keys()) if (second <= now) seconds.push(second);
    return seconds.sort((a, b) => a - b);
  }
}
