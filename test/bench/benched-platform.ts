import { ApiClient } from '../platform/api-client.js';
import { startEngines } from '../platform/engines.js';
import { type Platform, PlatformProcess } from '../platform/platform-process.js';
import { countShown } from '../platform/shown-count.js';
import { SplitPlatform } from '../platform/split-platform.js';
import { countStored, type StoredCount } from '../platform/stored-count.js';

/** A platform under the benchmark's load, whatever it runs on. */
export interface BenchedPlatform extends Platform {
  readonly mqttPort: number;
  /** Its processes; the first holds the devices' connections. */
  readonly pids: readonly number[];
  /** What it runs on and is made of, by name: the processes whose CPU time a message costs. */
  readonly working: ReadonlyMap<string, number>;
  start(): Promise<void>;
  /** What its processes serve as metrics, one after the other. */
  metrics(): Promise<string>;
  /** Counts what is stored, message by message; the platform may be ended by it. */
  count(promised: ReadonlyMap<string, readonly number[]>): Promise<StoredCount>;
  remove(): Promise<void>;
}

/** Which engines the platform is benchmarked on. */
export type BenchEngines = 'embedded' | 'server';

const settings = { NOTIFIER_ALLOW_LOOPBACK: 'true' };

/** Prepares a platform: all in one process, or gateway, pipeline, notifier and API apart on servers. Nothing runs yet. */
export function openBenchedPlatform(engines: BenchEngines): Promise<BenchedPlatform> {
  return engines === 'server' ? openSplit() : openAllInOne();
}

async function openAllInOne(): Promise<BenchedPlatform> {
  const platform = await PlatformProcess.create(settings);
  return {
    get url() {
      return platform.url;
    },
    get mqttPort() {
      return platform.listening.mqttPort;
    },
    get pids() {
      return [platform.pid];
    },
    get working() {
      return new Map([['all-in-one', platform.pid]]);
    },
    adminPassword: () => platform.adminPassword(),
    start: () => platform.start(),
    metrics: async () => {
      const answer = await fetch(`${platform.url}/metrics`, { signal: AbortSignal.timeout(30_000) });
      if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
      return answer.text();
    },
    count: async (promised) => {
      await platform.stop();
      return await countStored(platform.dataDir, promised);
    },
    remove: () => platform.remove(),
  };
}

async function openSplit(): Promise<BenchedPlatform> {
  const began = Date.now();
  const engines = await startEngines(['redis', 'postgresql', 'influxdb']);
  const shape = { gateways: 1, pipelines: 1, notifiers: 1 };
  const platform = await SplitPlatform.create(engines, shape, {
    ...settings,
    HTTP_RATE_PER_ADDRESS: '1000000',
    HTTP_RATE_PER_TOKEN: '1000000',
  });
  return {
    get url() {
      return platform.url;
    },
    mqttPort: platform.mqttPorts[0] ?? 0,
    get pids() {
      return platform.processes.map(({ pid }) => pid);
    },
    get working() {
      const own = platform.processes.map(({ name, pid }) => [name, pid] as const);
      return new Map([...own, ...[...engines.processes].map(([kind, { pid }]) => [kind, pid] as const)]);
    },
    adminPassword: () => platform.adminPassword(),
    start: () => platform.start(),
    metrics: () => platform.metrics(),
    count: async (promised) => countShown(await ApiClient.logIn(platform), promised, began),
    remove: async () => {
      await platform.remove();
      await engines.stop();
    },
  };
}
