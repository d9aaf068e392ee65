import { randomBytes } from 'node:crypto';
import { startTestDatabase } from '#libs/registry-db/testing';
import { type ServerKind, type ServerOffer, type ServerProcess, serverOffer, startServer } from '#libs/runtime/testing';
import { influxdbSettings } from '#libs/telemetry-store/testing';

/** The server engines of one test, and the settings that lead a process to them. */
export interface Engines {
  environment: Record<string, string>;
  /** Those that are ours to end, freeze and start again. */
  processes: ReadonlyMap<EngineKind, ServerProcess>;
  stop(): Promise<void>;
}

export type EngineKind = Extract<ServerKind, 'redis' | 'postgresql' | 'influxdb'>;

interface Engine {
  environment: Record<string, string>;
  process: ServerProcess | undefined;
  stop(): Promise<void>;
}

/** Whether all of them can be had here, and what a test on them is to be called. */
export function enginesOffer(kinds: readonly EngineKind[]): ServerOffer {
  const offers = kinds.map(serverOffer);
  return { available: offers.every((offer) => offer.available), title: offers.map((offer) => offer.title).join(', ') };
}

/** Starts engines, each on a port and data of its own, or with names of its own on one that is given by URL. */
export async function startEngines(kinds: readonly EngineKind[]): Promise<Engines> {
  const started = new Map<EngineKind, Engine>();
  const stop = async () => {
    for (const engine of [...started.values()].reverse()) await engine.stop();
  };
  try {
    for (const kind of kinds) started.set(kind, await starters[kind]());
  } catch (error) {
    await stop();
    throw error;
  }
  const own = [...started].flatMap(([kind, engine]) => (engine.process ? [[kind, engine.process] as const] : []));
  return {
    environment: Object.assign({}, ...[...started.values()].map((engine) => engine.environment)),
    processes: new Map(own),
    stop,
  };
}

const ownName = () => `t${randomBytes(5).toString('hex')}`;

const starters: Record<EngineKind, () => Promise<Engine>> = {
  redis: async () => {
    const server = await startServer('redis');
    const environment = { STREAM_KIND: 'redis', REDIS_URL: server.url, STREAM_REDIS_PREFIX: ownName() };
    return { environment, process: server.process, stop: server.stop };
  },
  postgresql: async () => {
    const { url, server, stop } = await startTestDatabase();
    return { environment: { REGISTRY_KIND: 'postgresql', REGISTRY_URL: url }, process: server, stop };
  },
  influxdb: async () => {
    const server = await startServer('influxdb');
    const environment = { TELEMETRY_STORE_KIND: 'influxdb', ...(await influxdbSettings(server.url, ownName())) };
    return { environment, process: server.process, stop: server.stop };
  },
};
