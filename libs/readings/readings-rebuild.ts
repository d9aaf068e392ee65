import { Inject } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { ConfigError, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';
import { type Lag, type Source, STREAM, type StreamLog } from '#libs/stream';
import { TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { type ReadingsConfig, readingsConfig } from './readings.config.js';

const readAtOnce = { maxEntries: 1_000, maxBytes: 4 * 1_048_576 };
const group = 'readings';

/**
 * Before the stage starts: what was acknowledged but is not in the store (it was lost, or restored from a backup) is stored
 * again from the stream. A store that is ahead of the stream belongs to another stream, and is refused.
 */
export class ReadingsRebuild {
  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(readingsConfig.KEY) private readonly config: ReadingsConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'readings rebuild',
      order: startOrder.directories,
      start: () => this.start(),
      stop: () => Promise.resolve(),
    });
  }

  private async start(): Promise<void> {
    if (this.config.rebuild === 'all') {
      this.logger.warn('emptying the telemetry store to rebuild it from the stream: READINGS_REBUILD is all');
      await this.store.clear();
    }
    await this.stream.registerGroup(streams.readings, group);
    const positions = new Map((await this.store.positions()).map((p) => [`${p.lane}/${p.partition}`, p.position]));
    const lags = (await this.stream.lag()).filter((lag) => lag.stream === streams.readings && lag.group === group);
    for (const lag of lags) {
      const stored = positions.get(`${lag.lane}/${lag.partition}`) ?? 0;
      if (stored > lag.last) throw ahead(lag, stored);
      if (stored < lag.acknowledged) await this.fill(lag, stored);
    }
  }

  /** Stores the entries after `stored` up to the acknowledged one, as far as the stream still has them. */
  private async fill(lag: Lag, stored: number): Promise<void> {
    const { lane, partition, acknowledged } = lag;
    const source: Source = { stream: streams.readings, group, lane, partition };
    let after = stored;
    let entries = 0;
    while (after < acknowledged) {
      const read = await this.stream.read(source, { after, ...readAtOnce });
      const wanted = read.filter((entry) => entry.position <= acknowledged);
      if (wanted.length === 0) break;
      await this.store.append(wanted.map(({ position, data }) => ({ lane, partition, position, data })));
      after = wanted.at(-1)?.position ?? acknowledged;
      entries += wanted.length;
    }
    this.logger.info({ lane, partition, after: stored, upTo: after, entries }, 'stored again from the stream');
  }
}

function ahead({ lane, partition, last }: Lag, stored: number): ConfigError {
  return new ConfigError(
    `The telemetry store has entry ${stored} of ${lane} partition ${partition}, but the readings stream ends at ${last}: the two do not belong together. Restore the stream that the store was filled from, or start once with READINGS_REBUILD=all to rebuild the store from this stream.`,
  );
}
