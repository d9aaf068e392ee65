import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import {
  CLOCK,
  type Clock,
  configProvider,
  HEALTH,
  type Health,
  LIFECYCLE,
  type Lifecycle,
  LOGGER,
  type Logger,
  METRICS,
  type Metrics,
  type RuntimeConfig,
  runtimeConfig,
  startOrder,
} from '#libs/runtime';
import { endProcess } from './end-process.js';
import { StageControllers } from './stages/stage-controllers.js';
import { StageFactory } from './stages/stage-factory.js';
import { type StreamConfig, streamConfig } from './stream.config.js';
import { STREAM, type StreamLog } from './stream.port.js';
import { StreamRetention } from './stream-retention.js';
import { StreamServer } from './stream-server.js';

/** How many partitions a new stream has, unless STREAM_PARTITIONS says otherwise. */
const partitionsOf = { lmdb: 16, redis: 64 };

/** Provides the stream and the transport that feeds the stages from it. */
@Global()
@Module({
  providers: [
    configProvider(streamConfig),
    {
      provide: STREAM,
      useFactory: async (
        config: StreamConfig,
        runtime: RuntimeConfig,
        clock: Clock,
        logger: Logger,
        lifecycle: Lifecycle,
        health: Health,
        metrics: Metrics,
      ): Promise<StreamLog> => {
        const { log, problem } = await chooseLog(config, runtime, { clock, logger, metrics });
        lifecycle.add({ name: 'stream', order: startOrder.engines, start: () => log.start(), stop: () => log.stop() });
        health.add('stream', problem);
        return log;
      },
      inject: [streamConfig.KEY, runtimeConfig.KEY, CLOCK, LOGGER, LIFECYCLE, HEALTH, METRICS],
    },
    StageControllers,
    StageFactory,
    StreamServer,
    StreamRetention,
  ],
  exports: [STREAM, StreamServer],
})
export class StreamModule {}

/** The one place where the stream's engine is chosen. */
async function chooseLog(
  config: StreamConfig,
  { dataDir }: RuntimeConfig,
  surroundings: { clock: Clock; logger: Logger; metrics: Metrics },
): Promise<{ log: StreamLog; problem: () => string | undefined }> {
  const { kind, reserveBytes, redisPrefix: prefix, leaseMs, maxBacklogBytes } = config;
  const partitions = config.partitions || partitionsOf[kind];
  switch (kind) {
    case 'lmdb': {
      const { LmdbStreamLog } = await import('./lmdb/index.js');
      const path = join(dataDir, 'stream');
      const onFatal = (error: Error) => endProcess(surroundings.logger, error);
      const log = new LmdbStreamLog({ ...surroundings, path, partitions, reserveBytes, onFatal });
      return { log, problem: () => log.problem() };
    }
    case 'redis': {
      const { RedisStreamLog } = await import('./redis/index.js');
      const urls = config.redisUrl.split(',').map((url) => url.trim());
      const { sentinelMaster: master, sentinelPassword: password } = config;
      const sentinel = master ? { master, password } : undefined;
      const options = { urls, sentinel, prefix, partitions, leaseMs, maxBacklogBytes };
      const log = new RedisStreamLog({ ...surroundings, ...options });
      return { log, problem: () => log.problem() };
    }
  }
}
