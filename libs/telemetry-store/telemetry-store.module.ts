import { Global, Inject, Module } from '@nestjs/common';
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
import { type InfluxdbConfig, influxdbConfig } from './influxdb/influxdb.config.js';
import { type TelemetryStoreConfig, telemetryStoreConfig } from './telemetry-store.config.js';
import { TELEMETRY_STORE, type TelemetryStore } from './telemetry-store.port.js';

/** The telemetry store, for every module that keeps or asks readings: inject `TELEMETRY_STORE`. */
@Global()
@Module({
  providers: [
    configProvider(telemetryStoreConfig),
    configProvider(influxdbConfig),
    {
      provide: TELEMETRY_STORE,
      useFactory: openStore,
      inject: [telemetryStoreConfig.KEY, influxdbConfig.KEY, runtimeConfig.KEY, CLOCK, LOGGER, METRICS],
    },
  ],
  exports: [TELEMETRY_STORE, telemetryStoreConfig.KEY],
})
export class TelemetryStoreModule {
  constructor(
    @Inject(TELEMETRY_STORE) store: TelemetryStore,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(HEALTH) health: Health,
  ) {
    lifecycle.add({
      name: 'telemetry-store',
      order: startOrder.engines,
      start: () => store.start(),
      stop: () => store.stop(),
    });
    health.add('telemetry-store', () => store.problem());
  }
}

/** The one place that knows which adapters there are. */
async function openStore(
  config: TelemetryStoreConfig,
  influxdb: InfluxdbConfig,
  runtime: RuntimeConfig,
  clock: Clock,
  logger: Logger,
  metrics: Metrics,
): Promise<TelemetryStore> {
  switch (config.kind) {
    case 'duckdb': {
      const { DuckdbTelemetryStore } = await import('./duckdb/duckdb-telemetry-store.js');
      return new DuckdbTelemetryStore({ ...config, ...runtime }, clock, logger);
    }
    case 'influxdb': {
      const { InfluxdbTelemetryStore } = await import('./influxdb/influxdb-telemetry-store.js');
      return new InfluxdbTelemetryStore({ ...config, ...runtime, influxdb }, clock, logger, metrics);
    }
    default:
      throw new Error(`TELEMETRY_STORE_KIND ${config.kind} has no adapter`);
  }
}
