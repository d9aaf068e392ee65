import { Inject } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { CLOCK, type Clock, LOGGER, type Logger } from '#libs/runtime';
import { type Lag, type Source, STREAM, type StreamLog } from '#libs/stream';
import { type RefusedMessage, TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';

const readAtOnce = { maxEntries: 1_000, maxBytes: 4 * 1_048_576 };
/** Partitions come in numbers at a start: they share one look at the stream and the store. */
const sharedForMs = 2_000;

/** How far a group has acknowledged, and then what the store had. */
interface Standing {
  lags: readonly Lag[];
  positions: Awaited<ReturnType<TelemetryStore['positions']>>;
}

/**
 * Stores again from the stream what was acknowledged but is not in the store: it was lost, or restored from a backup. Done
 * by the process that owns the partition, before its first entry there, so that no two fill the same one.
 */
export class MissingReadings {
  private readonly checked = new Set<string>();
  private seen: { at: number; standing: Promise<Standing> } | undefined;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Once per ownership of a source; later it does nothing. Gives what the store cannot hold of it. */
  async fill(source: Source): Promise<RefusedMessage[]> {
    const key = `${source.lane}/${source.partition}`;
    if (this.checked.has(key)) return [];
    const { lags, positions } = await this.look();
    const here = (place: { lane: string; partition: number }) =>
      place.lane === source.lane && place.partition === source.partition;
    const acknowledged = lags.find(here)?.acknowledged ?? 0;
    const stored = positions.find(here)?.position ?? 0;
    const refused = stored < acknowledged ? await this.fillUpTo(source, stored, acknowledged) : [];
    this.checked.add(key);
    return refused;
  }

  /** The source may have been another's meanwhile. */
  forget(source: Source): void {
    this.checked.delete(`${source.lane}/${source.partition}`);
  }

  /** First what is acknowledged, then what is stored: what others store and acknowledge in between is never taken for missing. */
  private look(): Promise<Standing> {
    const now = this.clock.now();
    if (this.seen && now - this.seen.at < sharedForMs) return this.seen.standing;
    const standing = this.lookAgain();
    this.seen = { at: now, standing };
    standing.catch(() => {
      this.seen = undefined;
    });
    return standing;
  }

  private async lookAgain(): Promise<Standing> {
    const lags = (await this.stream.lag()).filter((lag) => lag.stream === streams.readings && lag.group === 'readings');
    return { lags, positions: await this.store.positions() };
  }

  /** Stores the entries after `stored` up to the acknowledged one, as far as the stream still has them. */
  private async fillUpTo(source: Source, stored: number, acknowledged: number): Promise<RefusedMessage[]> {
    const { lane, partition } = source;
    const refused: RefusedMessage[] = [];
    let after = stored;
    let entries = 0;
    while (after < acknowledged) {
      const read = await this.stream.read(source, { after, ...readAtOnce });
      const wanted = read.filter((entry) => entry.position <= acknowledged);
      if (wanted.length === 0) break;
      const batches = wanted.map(({ position, messagesBefore, data }) => ({
        lane,
        partition,
        position,
        messagesBefore,
        data,
      }));
      for (const batch of await this.store.append(batches)) refused.push(...(batch.refused ?? []));
      after = wanted.at(-1)?.position ?? acknowledged;
      entries += wanted.length;
    }
    this.logger.info({ lane, partition, after: stored, upTo: after, entries }, 'stored again from the stream');
    return refused;
  }
}
