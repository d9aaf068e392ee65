import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, METRICS, type Metrics, type RuntimeConfig, runtimeConfig } from '#libs/runtime';
import { CodecPool } from './decoders/codec/codec-pool.js';
import { type CodecConfig, codecConfig, type NormaliserConfig, normaliserConfig } from './normaliser.config.js';
import { ProductCompiler } from './product-compiler.js';
import type { TimeBounds } from './time/device-time.js';

/** What judging a frame needs, live or in a dry run: compiler, codec threads and the bounds of belief. */
@Injectable()
export class NormaliserEngine {
  readonly compiler: ProductCompiler;
  readonly bounds: TimeBounds;
  readonly codecs: CodecPool;

  constructor(
    @Inject(normaliserConfig.KEY) readonly config: NormaliserConfig,
    @Inject(codecConfig.KEY) codec: CodecConfig,
    @Inject(runtimeConfig.KEY) runtime: RuntimeConfig,
    @Inject(METRICS) metrics: Metrics,
    @Inject(CLOCK) readonly clock: Clock,
  ) {
    this.codecs = new CodecPool(codec, clock, metrics);
    this.compiler = new ProductCompiler(config, codec, runtime.timeZone, this.codecs);
    this.bounds = { earliest: Date.UTC(config.earliestYear, 0, 1), aheadMs: config.aheadMs };
  }
}
