import { Inject, Injectable } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { CLOCK, type Clock } from '#libs/runtime';
import { BacklogWatch, type Source, STREAM, type StreamLog } from '#libs/stream';
import { type RulesConfig, rulesConfig } from './rules.config.js';
import { RulesMetrics } from './rules.metrics.js';

/** What the stage stands on: clock, settings, counters, and how far the flow before it is behind. */
@Injectable()
export class RulesHost {
  private readonly backlogs: BacklogWatch;

  constructor(
    @Inject(STREAM) stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(rulesConfig.KEY) readonly config: RulesConfig,
    @Inject(RulesMetrics) readonly metrics: RulesMetrics,
  ) {
    const stage = { stream: streams.readings, group: 'rules' };
    this.backlogs = new BacklogWatch(stream, clock, stage, [{ stream: streams.raw, group: 'normaliser' }]);
  }

  now(): number {
    return this.clock.now();
  }

  /**
   * How long ago the oldest message arrived that has not been judged yet; 0 where all have. Silence before that is known,
   * silence after it is not.
   */
  async behindMs(place: Pick<Source, 'lane' | 'partition'>): Promise<number> {
    return (await this.backlogs.of(place)).ageMs;
  }
}
