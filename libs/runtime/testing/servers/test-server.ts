import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { type ServerKind, type ServerProgram, servers } from './programs.js';
import { ServerProcess } from './server-process.js';
import { findContainer, findProgram, type SpawnTarget } from './where.js';

/** Whether a kind of server can be had here, and how a test is to name it. */
export interface ServerOffer {
  available: boolean;
  /** "Redis 7.0.15", "PostgreSQL at TEST_POSTGRESQL_URL", or the name with the reason why its tests are skipped. */
  title: string;
}

/** A real server for tests. */
export interface TestServer {
  /** `redis://`, `postgresql://`, `http://` (InfluxDB) or `mqtt://` */
  url: string;
  /** Ends, freezes and restarts it on the same port and data; undefined for a server that is not ours (given by URL). */
  process: ServerProcess | undefined;
  /** Stops it and removes its data; leaves one that is not ours alone. */
  stop(): Promise<void>;
}

const offers = new Map<ServerKind, ServerOffer>();

/** Says what `startServer` would use: a server given by URL, a program on this machine, or a container. */
export function serverOffer(kind: ServerKind): ServerOffer {
  const known = offers.get(kind);
  if (known) return known;
  const offer = lookFor(servers[kind]);
  offers.set(kind, offer);
  return offer;
}

/** As `serverOffer`, where the server must be the test's own: one that it may kill or set up as it likes. */
export function ownServerOffer(kind: ServerKind): ServerOffer {
  const offer = serverOffer(kind);
  if (!process.env[servers[kind].env]) return offer;
  return { available: false, title: `${offer.title} (skipped: not ours to kill or to set up)` };
}

function lookFor(program: ServerProgram): ServerOffer {
  if (process.env[program.env]) return { available: true, title: `${program.name} at ${program.env}` };
  const path = findProgram(program.command);
  if (path) return { available: true, title: `${program.name} ${versionOf(path, program)}` };
  if (findContainer(program.image, program.command, '')) {
    return { available: true, title: `${program.name} in ${program.image}` };
  }
  const reason = `skipped: no ${program.env}, no program ${program.command}, no container engine`;
  return { available: false, title: `${program.name} (${reason})` };
}

/**
 * Starts a server on a free port of loopback with a data folder of its own, or gives the one named by its variable
 * (TEST_REDIS_URL, TEST_POSTGRESQL_URL, TEST_INFLUXDB_URL, TEST_MOSQUITTO_URL); there, keep to names of your own. An
 * InfluxDB 2.x at a URL also needs TEST_INFLUXDB_TOKEN, and TEST_INFLUXDB_ORG where that is not `citysense`.
 * `settings` are lines for its configuration. Throws where `serverOffer` says that there is none.
 */
export async function startServer(kind: ServerKind, settings: readonly string[] = []): Promise<TestServer> {
  const program = servers[kind];
  const given = process.env[program.env];
  if (given) return { url: given, process: undefined, stop: () => Promise.resolve() };
  const dir = await mkdtemp(join(tmpdir(), `citysense-${kind}-`));
  const port = await freePort();
  const place = { dir, port, settings };
  try {
    const target = chooseTarget(program, dir);
    if (target.user) await chmod(dir, 0o777);
    const args = await program.prepare(place, target);
    const running = new ServerProcess(program.name, target, args, () => program.probe(port));
    await running.start();
    return {
      url: program.url(port),
      process: running,
      stop: async () => {
        await running.stop();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function chooseTarget(program: ServerProgram, dir: string): SpawnTarget {
  const path = findProgram(program.command);
  const container = path ? undefined : findContainer(program.image, program.command, dir);
  const user = program.refusesRoot && process.getuid?.() === 0 ? { user: nobody() } : {};
  if (container) return { ...container, ...user };
  if (!path) throw new Error(serverOffer(program.kind).title);
  return { kind: 'program', path, ...user };
}

function nobody(): { uid: number; gid: number } {
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody']).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

function versionOf(path: string, { versionArgs }: ServerProgram): string {
  const { stdout, stderr } = spawnSync(path, versionArgs, { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? '';
}
