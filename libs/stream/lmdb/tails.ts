import { lanes } from '#libs/contracts';
import type { Logger } from '#libs/runtime';
import type { Entry, Place } from '../stream.port.js';

/** What a tail needs of the log. */
export interface TailSource {
  partitions: number;
  last(place: Place): number;
  readAfter(place: Place, after: number, maxEntries: number, maxBytes: number): Entry[];
}

/** Is given each entry as it becomes visible. */
export type TailListener = (entry: Entry & Omit<Place, 'stream'>) => void;

const turnEntries = 256;
const turnBytes = 1_048_576;

/** Follows the end of a stream for one listener, a bounded amount per turn of the event loop. */
export class Tail {
  private readonly positions = new Map<string, number>();
  private readonly pending = new Map<string, Place>();
  private scheduled = false;
  private stopped = false;

  constructor(
    private readonly source: TailSource,
    private readonly stream: string,
    private readonly listener: TailListener,
    private readonly logger: Logger,
  ) {
    for (const place of this.places()) this.positions.set(nameOf(place), source.last(place));
  }

  /** Looks at `places`, or at all of the stream's where undefined. */
  wake(places: readonly Place[] | undefined): void {
    for (const place of places ?? this.places()) {
      if (place.stream === this.stream) this.pending.set(nameOf(place), place);
    }
    if (this.pending.size > 0) this.schedule();
  }

  stop(): void {
    this.stopped = true;
    this.pending.clear();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      try {
        this.turn();
      } catch (error) {
        this.logger.error({ err: error, stream: this.stream }, 'a tail failed; it goes on with what comes next');
      }
      if (this.pending.size > 0) this.schedule();
    });
  }

  private turn(): void {
    const [name, place] = this.pending.entries().next().value ?? [];
    if (this.stopped || name === undefined || !place) return;
    this.pending.delete(name);
    const entries = this.source.readAfter(place, this.positions.get(name) ?? 0, turnEntries, turnBytes);
    if (entries.length === 0) return;
    // Goes to the end of the line: other partitions have their turn first.
    this.pending.set(name, place);
    for (const entry of entries) {
      this.positions.set(name, entry.position);
      if (this.stopped) return;
      this.listener({ ...entry, lane: place.lane, partition: place.partition });
    }
  }

  private *places(): Generator<Place> {
    for (const lane of lanes) {
      for (let partition = 0; partition < this.source.partitions; partition++) {
        yield { stream: this.stream, lane, partition };
      }
    }
  }
}

function nameOf({ lane, partition }: Place): string {
  return `${lane} ${partition}`;
}
