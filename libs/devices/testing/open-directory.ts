import type { Database } from '#libs/registry-db';
import { type Clock, createLogger, Health, Lifecycle, Metrics, readConfig, systemClock } from '#libs/runtime';
import type { StreamLog } from '#libs/stream';
import { DeviceDirectory } from '../device-directory.js';
import { directoryConfig } from '../directory.config.js';
import { DirectoryRepository } from '../directory.repository.js';
import { DirectoryHost } from '../directory-host.js';
import { ProductCatalogue } from '../product-catalogue.js';

/** A real directory over a test registry, started. */
export interface TestDirectory {
  directory: DeviceDirectory;
  catalogue: ProductCatalogue;
  health: Health;
  metrics: Metrics;
  stop(): Promise<void>;
}

/** Starts the directory and the catalogue over `database`, outside Nest; polls every 20 ms unless `environment` says otherwise. */
export async function openTestDirectory(
  database: Database,
  options: { stream?: Pick<StreamLog, 'partitions'>; clock?: Clock; environment?: Record<string, string> } = {},
): Promise<TestDirectory> {
  const logger = createLogger('test', 'silent');
  const lifecycle = new Lifecycle(logger);
  const health = new Health();
  const metrics = new Metrics();
  const host = new DirectoryHost(options.clock ?? systemClock, lifecycle, logger, metrics, health);
  const config = readConfig(directoryConfig, { DEVICES_POLL_MS: '20', ...options.environment });
  const repository = new DirectoryRepository(database);
  const catalogue = new ProductCatalogue(config, repository, host);
  const stream = (options.stream ?? { partitions: 16 }) as StreamLog;
  const directory = new DeviceDirectory(config, repository, catalogue, stream, host);
  await lifecycle.start();
  return { directory, catalogue, health, metrics, stop: () => lifecycle.stop() };
}
