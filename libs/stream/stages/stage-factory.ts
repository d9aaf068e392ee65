import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, LOGGER, type Logger, METRICS, type Metrics } from '#libs/runtime';
import { endProcess } from '../end-process.js';
import { type StreamConfig, streamConfig } from '../stream.config.js';
import { STREAM, type StreamLog } from '../stream.port.js';
import { type StageDefinition, StageGroup, type StageSurroundings } from './stage-group.js';
import { StageMetrics } from './stage-metrics.js';
import { Turns } from './turns.js';

/** A batch on Redis is four times as many partitions' and costs some journeys, whatever is in it: more is to gather. */
const bulkPacesMs = { lmdb: 150, redis: 400 };

/** Makes the stages of one thread; they share its turns. */
@Injectable()
export class StageFactory {
  readonly metrics: StageMetrics;
  private readonly surroundings: StageSurroundings;

  constructor(
    @Inject(STREAM) log: StreamLog,
    @Inject(streamConfig.KEY) config: StreamConfig,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.metrics = new StageMetrics(metrics);
    this.surroundings = {
      log,
      clock,
      logger,
      metrics: this.metrics,
      turns: new Turns(),
      attempts: config.stageAttempts,
      batchEntries: config.batchEntries,
      batchBytes: config.batchBytes,
      onFatal: (error) => endProcess(logger, error),
      bulkPaceMs: config.bulkPaceMs < 0 ? bulkPacesMs[config.kind] : config.bulkPaceMs,
    };
  }

  create(definition: StageDefinition): StageGroup {
    return new StageGroup(definition, this.surroundings);
  }
}
