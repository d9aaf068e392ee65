import { Inject } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { ConfigError, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';
import { type Lag, STREAM, type StreamLog } from '#libs/stream';
import { TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { type ReadingsConfig, readingsConfig } from './readings.config.js';

const group = 'readings';

/**
 * Before the stage starts: empties the store where all is to be stored again, and refuses a store that is ahead of the
 * stream, which belongs to another. What is missing is stored again by the stage, partition by partition (`MissingReadings`).
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
    const positions = await this.store.positions();
    // Asked after the positions: other processes go on storing meanwhile.
    for (const lag of await this.stream.lag()) {
      if (lag.stream !== streams.readings || lag.group !== group) continue;
      const stored = positions.find((p) => p.lane === lag.lane && p.partition === lag.partition)?.position ?? 0;
      if (stored > lag.last) throw ahead(lag, stored);
    }
  }
}

function ahead({ lane, partition, last }: Lag, stored: number): ConfigError {
  return new ConfigError(
    `The telemetry store has entry ${stored} of ${lane} partition ${partition}, but the readings stream ends at ${last}: the two do not belong together. Restore the stream that the store was filled from, or start once with READINGS_REBUILD=all to rebuild the store from this stream.`,
  );
}
