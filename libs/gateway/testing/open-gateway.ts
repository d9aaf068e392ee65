import 'reflect-metadata';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DeviceDirectory } from '#libs/devices';
import { DATABASE, type Database } from '#libs/registry-db';
import { HEALTH, type Health, LIFECYCLE, type Lifecycle, METRICS, type Metrics, RuntimeModule } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { GatewayModule } from '../gateway.module.js';
import { GatewayAddresses } from '../gateway-addresses.js';

/** A gateway in this process, over a real stream and a real device directory. */
export interface TestGateway {
  mqttPort: number;
  mqttTlsPort: number;
  ingestPort: number;
  directory: DeviceDirectory;
  metrics: Metrics;
  /** What keeps it from its work, undefined when well. */
  problem(): Promise<string | undefined>;
  /** The value of a counter or gauge with these labels, 0 where it has not counted yet. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  stop(): Promise<void>;
}

@Global()
@Module({})
class Surroundings {
  static of(stream: StreamLog, database: Database): DynamicModule {
    return {
      module: Surroundings,
      providers: [
        { provide: STREAM, useValue: stream },
        { provide: DATABASE, useValue: database },
      ],
      exports: [STREAM, DATABASE],
    };
  }
}

@Module({})
class TestApp {}

/** Starts a gateway on free ports. */
export async function openTestGateway(
  stream: StreamLog,
  database: Database,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const settings = {
    GATEWAY_HOST: '127.0.0.1',
    MQTT_PORT: '0',
    INGEST_PORT: '0',
    LOG_LEVEL: 'silent',
    DEVICES_POLL_MS: '20',
    ...environment,
  };
  const app = await NestFactory.createApplicationContext(
    {
      module: TestApp,
      imports: [
        RuntimeModule.forRoot({ app: 'gateway-test', environment: settings }),
        Surroundings.of(stream, database),
        GatewayModule,
      ],
    },
    { logger: false, abortOnError: false },
  );
  const lifecycle = app.get<Lifecycle>(LIFECYCLE);
  const stop = async () => {
    await lifecycle.stop();
    await app.close();
  };
  await lifecycle.start();
  const metrics = app.get<Metrics>(METRICS);
  const addresses = app.get(GatewayAddresses, { strict: false });
  return {
    mqttPort: addresses.mqttPort,
    mqttTlsPort: addresses.mqttTlsPort,
    ingestPort: addresses.ingestPort,
    directory: app.get(DeviceDirectory, { strict: false }),
    metrics,
    problem: async () => (await app.get<Health>(HEALTH).state()).checks.gateway?.detail,
    metric: async (name, labels = {}) => {
      const found = await metrics.registry.getSingleMetric(name)?.get();
      const value = found?.values.find((one) =>
        Object.entries(labels).every(([label, text]) => (one.labels as Record<string, unknown>)[label] === text),
      );
      return value?.value ?? 0;
    },
    stop,
  };
}
