import { type DynamicModule, Global, Module } from '@nestjs/common';
import { CLOCK, type Clock, systemClock } from './clock.js';
import { configProvider, ENVIRONMENT, type Environment } from './config.js';
import { HEALTH, Health } from './health.js';
import { LIFECYCLE, Lifecycle } from './lifecycle.js';
import { createLogger, LOGGER, type Logger } from './logger.js';
import { METRICS, Metrics } from './metrics.js';
import { type RuntimeConfig, runtimeConfig } from './runtime.config.js';
import { type TracingConfig, tracingConfig } from './tracing/tracing.config.js';
import { TRACING, Tracing } from './tracing/tracing.js';

export interface RuntimeOptions {
  /** The app's name, in every log line. */
  app: string;
  /** Usually process.env, read in `runApp` alone. */
  environment: Environment;
  /** Only tests give another. */
  clock?: Clock;
}

/** What every module may inject: config, clock, log, metrics, health, lifecycle, tracing. */
@Global()
@Module({})
export class RuntimeModule {
  static forRoot(options: RuntimeOptions): DynamicModule {
    return {
      module: RuntimeModule,
      providers: [
        { provide: ENVIRONMENT, useValue: options.environment },
        { provide: CLOCK, useValue: options.clock ?? systemClock },
        configProvider(runtimeConfig),
        {
          provide: LOGGER,
          useFactory: (config: RuntimeConfig) => createLogger(options.app, config.logLevel),
          inject: [runtimeConfig.KEY],
        },
        { provide: METRICS, useClass: Metrics },
        { provide: HEALTH, useClass: Health },
        {
          provide: LIFECYCLE,
          useFactory: (logger: Logger, clock: Clock, health: Health) => {
            const lifecycle = new Lifecycle(logger, clock);
            health.add('process', () => lifecycle.problem);
            return lifecycle;
          },
          inject: [LOGGER, CLOCK, HEALTH],
        },
        configProvider(tracingConfig),
        {
          provide: TRACING,
          useFactory: (config: TracingConfig, logger: Logger, metrics: Metrics, lifecycle: Lifecycle) =>
            Tracing.of(options.app, config, { logger, metrics, lifecycle }),
          inject: [tracingConfig.KEY, LOGGER, METRICS, LIFECYCLE],
        },
      ],
      exports: [ENVIRONMENT, CLOCK, LOGGER, METRICS, HEALTH, LIFECYCLE, TRACING, runtimeConfig.KEY],
    };
  }
}
