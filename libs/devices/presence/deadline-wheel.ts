/**
 * Slots to look at when their time has come, in whole seconds. A slot may be in it more than once: whoever takes it out
 * judges whether its time has really come. Signs of life cost nothing here; a device is looked at about once per limit.
 */
export class DeadlineWheel {
  private readonly buckets = new Map<number, number[]>();
  /** Every bucket before this second has been emptied. */
  private next = 0;

  put(slot: number, at: number): void {
    const second = Math.max(at, this.next);
    const bucket = this.buckets.get(second);
    if (bucket) bucket.push(slot);
    else this.buckets.set(second, [slot]);
  }

  /** Takes out what is due at `at`, at most `most` slots; the rest stays due. */
  take(at: number, most: number): number[] {
    const due: number[] = [];
    // After a long while without a call it is cheaper to look at the buckets there are than at every second passed.
    const seconds =
      at - this.next > this.buckets.size
        ? [...this.buckets.keys()].filter((second) => second <= at).sort((a, b) => a - b)
        : Array.from({ length: Math.max(0, at - this.next + 1) }, (_, n) => this.next + n);
    for (const second of seconds) {
      const bucket = this.buckets.get(second);
      if (bucket) {
        due.push(...bucket.splice(0, most - due.length));
        if (bucket.length > 0) {
          this.next = second;
          return due;
        }
        this.buckets.delete(second);
      }
    }
    this.next = Math.max(this.next, at + 1);
    return due;
  }
}
