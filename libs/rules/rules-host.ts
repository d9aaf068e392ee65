import { Inject, Injectable } from '@nestjs/common';
import { type Lane, streams } from '#libs/contracts';
import { CLOCK, type Clock } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { type RulesConfig, rulesConfig } from './rules.config.js';
import { RulesMetrics } from './rules.metrics.js';

const lagFreshMs = 1000;

/** What the stage stands on: clock, settings, counters, and how far the flow before it is behind. */
@Injectable()
export class RulesHost {
  private lagAt = 0;
  private behind = new Map<string, number>();

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(rulesConfig.KEY) readonly config: RulesConfig,
    @Inject(RulesMetrics) readonly metrics: RulesMetrics,
  ) {}

  now(): number {
    return this.clock.now();
  }

  /**
   * How long ago the oldest message arrived that has not been judged yet; 0 where all have. Silence before that is known,
   * silence after it is not.
   */
  async behindMs(lane: Lane, partition: number): Promise<number> {
    const now = this.clock.now();
    if (now - this.lagAt >= lagFreshMs || now < this.lagAt) {
      const behind = new Map<string, number>();
      for (const lag of await this.stream.lag()) {
        const counts =
          (lag.stream === streams.raw && lag.group === 'normaliser') ||
          (lag.stream === streams.readings && lag.group === 'rules');
        if (!counts) continue;
        const name = `${lag.lane}/${lag.partition}`;
        behind.set(name, Math.max(behind.get(name) ?? 0, lag.ageMs));
      }
      this.behind = behind;
      this.lagAt = now;
    }
    return this.behind.get(`${lane}/${partition}`) ?? 0;
  }
}
