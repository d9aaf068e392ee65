import { lanes } from '#libs/contracts';
import type { Logger } from '#libs/runtime';
import type { Entry, Place } from '../stream.port.js';
import { fieldOf } from './keys.js';
import type { Reader } from './reader.js';

/** Is given each entry as it becomes visible. */
export type TailListener = (entry: Entry & Omit<Place, 'stream'>) => void;

const turnEntries = 256;
const turnBytes = 1_048_576;
const placesPerTurn = 16;
const retryMs = 500;

/**
 * Follows the end of a stream for one listener, by position: a wake-up only says where to look. Partitions take turns.
 */
export class Tail {
  private readonly positions = new Map<string, number>();
  private readonly pending = new Map<string, Place>();
  private running = false;
  private begun: Promise<void> | undefined;
  private stopped = false;
  /** Runs where it could not read, until it looks again; wake-ups wait for it. */
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: Pick<Reader, 'tails' | 'readAfter'>,
    private readonly partitions: number,
    private readonly stream: string,
    private readonly listener: TailListener,
    private readonly logger: Logger,
  ) {}

  /** Looks at `places`, or at all of the stream's where undefined. */
  wake(places: readonly Place[] | undefined): void {
    for (const place of places ?? this.places()) {
      if (place.stream === this.stream) this.pending.set(nameOf(place), place);
    }
    if (this.retry === undefined) void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    this.pending.clear();
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      this.begun ??= this.begin();
      await this.begun;
      while (this.pending.size > 0 && !this.stopped) await this.turn();
    } catch (error) {
      if (!this.stopped) this.tryAgain(error);
    } finally {
      this.running = false;
    }
  }

  private tryAgain(error: unknown): void {
    this.logger.warn({ err: error, stream: this.stream }, 'a tail could not read; it looks again');
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.wake(undefined);
    }, retryMs).unref();
  }

  /** Asked before anything else of the connection: what is appended from now on comes after these positions. */
  private async begin(): Promise<void> {
    try {
      const partitions = Array.from({ length: this.partitions }, (_, partition) => partition);
      await Promise.all(
        partitions.map(async (partition) => {
          const tails = await this.reader.tails(partition);
          for (const lane of lanes) {
            const place = { stream: this.stream, lane, partition };
            this.positions.set(nameOf(place), tails.get(fieldOf(this.stream, lane)) ?? 0);
          }
        }),
      );
    } catch (error) {
      this.begun = undefined;
      throw error;
    }
  }

  private async turn(): Promise<void> {
    const some = [...this.pending].slice(0, placesPerTurn);
    for (const [name] of some) this.pending.delete(name);
    await Promise.all(some.map(([name, place]) => this.look(name, place)));
  }

  private async look(name: string, place: Place): Promise<void> {
    const entries = await this.reader.readAfter(place, this.positions.get(name) ?? 0, turnEntries, turnBytes);
    if (entries.length === 0) return;
    // There may be more: after the others have had their turn.
    this.pending.set(name, place);
    for (const entry of entries) {
      this.positions.set(name, entry.position);
      if (this.stopped) return;
      this.tell({ ...entry, lane: place.lane, partition: place.partition });
    }
  }

  private tell(entry: Parameters<TailListener>[0]): void {
    try {
      this.listener(entry);
    } catch (error) {
      this.logger.error({ err: error, stream: this.stream }, 'a tail failed; it goes on with what comes next');
    }
  }

  private *places(): Generator<Place> {
    for (const lane of lanes) {
      for (let partition = 0; partition < this.partitions; partition++) yield { stream: this.stream, lane, partition };
    }
  }
}

function nameOf({ lane, partition }: Place): string {
  return `${lane} ${partition}`;
}
