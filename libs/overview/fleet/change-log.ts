/** Which devices changed, in order: enough to tell somebody who was away for a while what is new. */
export class ChangeLog {
  private readonly ring: Uint32Array;
  private written = 0;

  constructor(readonly capacity: number) {
    this.ring = new Uint32Array(capacity);
  }

  /** How many changes there have ever been: the number of the latest. */
  get revision(): number {
    return this.written;
  }

  add(slot: number): void {
    this.ring[this.written % this.capacity] = slot;
    this.written += 1;
  }

  /** Whether all changes after `revision` are still known. */
  reaches(revision: number): boolean {
    return revision >= 0 && revision <= this.written && this.written - revision <= this.capacity;
  }

  /** The slots of the changes after `revision`, up to and with number `upTo`, each once, for which `wanted` holds. Only where it `reaches`. */
  after(revision: number, upTo: number, wanted: (slot: number) => boolean): Set<number> {
    const slots = new Set<number>();
    for (let at = revision; at < upTo; at += 1) {
      const slot = this.ring[at % this.capacity] as number;
      if (wanted(slot)) slots.add(slot);
    }
    return slots;
  }
}
