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
  type RuntimeConfig,
  runtimeConfig,
  startOrder,
} from '#libs/runtime';
import { StageControllers } from './stages/stage-controllers.js';
import { StageFactory } from './stages/stage-factory.js';
import { type StreamConfig, streamConfig } from './stream.config.js';
import { STREAM, type StreamLog } from './stream.port.js';
import { StreamRetention } from './stream-retention.js';
import { StreamServer } from './stream-server.js';

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
      ): Promise<StreamLog> => {
        const { log, problem } = await chooseLog(config, runtime, clock, logger);
        lifecycle.add({ name: 'stream', order: startOrder.engines, start: () => log.start(), stop: () => log.stop() });
        health.add('stream', problem);
        return log;
      },
      inject: [streamConfig.KEY, runtimeConfig.KEY, CLOCK, LOGGER, LIFECYCLE, HEALTH],
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
  { kind, partitions, reserveBytes }: StreamConfig,
  { dataDir }: RuntimeConfig,
  clock: Clock,
  logger: Logger,
): Promise<{ log: StreamLog; problem: () => string | undefined }> {
  switch (kind) {
    case 'lmdb': {
      const { LmdbStreamLog } = await import('./lmdb/index.js');
      const path = join(dataDir, 'stream');
      const onFatal = (error: Error) => endProcess(logger, error);
      const log = new LmdbStreamLog({ path, partitions, reserveBytes, clock, logger, onFatal });
      return { log, problem: () => log.problem() };
    }
  }
}

/** After a failed fsync nothing that is still in memory can be believed: the process crashes, and restarts from disk. */
function endProcess(logger: Logger, error: Error): void {
  logger.fatal({ err: error }, 'the stream has failed: ending the process, nothing acknowledged is lost');
  setImmediate(() => {
    throw error;
  });
}
