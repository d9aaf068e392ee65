import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { influxdb2Arguments, influxdbLogin, setUpInfluxdb2 } from './influxdb-2.js';
import { findProgram, type SpawnTarget, spawnTarget } from './where.js';

export type ServerKind = 'redis' | 'sentinel' | 'postgresql' | 'influxdb' | 'mosquitto';

/** Where a server is to run, and lines of configuration that the test wants. */
export interface ServerPlace {
  dir: string;
  port: number;
  settings: readonly string[];
}

/** How to run one kind of server. */
export interface ServerProgram {
  kind: ServerKind;
  /** As people call it. */
  name: string;
  /** A server that is there already, by URL. */
  env: string;
  command: string;
  versionArgs: string[];
  image: string;
  /** It does not run as root. */
  refusesRoot: boolean;
  /** Writes its configuration; gives its arguments. */
  prepare(place: ServerPlace, target: SpawnTarget): Promise<string[]>;
  probe(port: number): Promise<void>;
  url(port: number): string;
}

const configFile = async ({ dir, settings }: ServerPlace, name: string, lines: string[]): Promise<string> => {
  const file = join(dir, name);
  await writeFile(file, `${[...lines, ...settings].join('\n')}\n`);
  return file;
};

/** The servers that tests run on, with the settings that production is told to use. */
export const servers: Record<ServerKind, ServerProgram> = {
  redis: {
    kind: 'redis',
    name: 'Redis',
    env: 'TEST_REDIS_URL',
    command: 'redis-server',
    versionArgs: ['--version'],
    image: 'redis:7',
    refusesRoot: false,
    prepare: async (place) => [
      await configFile(place, 'redis.conf', [
        `port ${place.port}`,
        'bind 127.0.0.1',
        `dir ${place.dir}`,
        'appendonly yes',
        'appendfsync always',
        'save ""',
        'maxmemory-policy noeviction',
      ]),
    ],
    // A server that loads its log answers -LOADING.
    probe: (port) => exchange(port, 'PING\r\n', /^\+PONG/),
    url: (port) => `redis://127.0.0.1:${port}`,
  },
  /** Watches the Redis that a test names in its settings: `sentinel monitor <name> <host> <port> <quorum>`. */
  sentinel: {
    kind: 'sentinel',
    name: 'Redis Sentinel',
    env: 'TEST_SENTINEL_URL',
    command: 'redis-server',
    versionArgs: ['--version'],
    image: 'redis:7',
    refusesRoot: false,
    prepare: async (place) => {
      const lines = [`port ${place.port}`, 'bind 127.0.0.1', `dir ${place.dir}`];
      return [await configFile(place, 'sentinel.conf', lines), '--sentinel'];
    },
    probe: (port) => exchange(port, 'PING\r\n', /^\+PONG/),
    url: (port) => `redis://127.0.0.1:${port}`,
  },
  postgresql: {
    kind: 'postgresql',
    name: 'PostgreSQL',
    env: 'TEST_POSTGRESQL_URL',
    command: 'postgres',
    versionArgs: ['--version'],
    image: 'postgres:15',
    refusesRoot: true,
    prepare: async (place, target) => {
      const data = join(place.dir, 'data');
      await mkdir(data, { mode: 0o700 });
      if (target.user) chownSync(data, target.user.uid, target.user.gid);
      initialise(data, target);
      const set = [`unix_socket_directories=${place.dir}`, 'listen_addresses=127.0.0.1', ...place.settings];
      return ['-D', data, '-p', String(place.port), ...set.flatMap((one) => ['-c', one])];
    },
    // A server that still recovers refuses the start of a session with an error, E.
    probe: (port) => exchange(port, sessionStart('citysense', 'postgres'), /^R/),
    url: (port) => `postgresql://citysense@127.0.0.1:${port}/postgres`,
  },
  influxdb: {
    kind: 'influxdb',
    name: 'InfluxDB',
    env: 'TEST_INFLUXDB_URL',
    command: 'influxd',
    versionArgs: ['version'],
    image: 'influxdb:1.8',
    refusesRoot: false,
    prepare: async (place) => {
      if (influxdbLogin()) return influxdb2Arguments(place.dir, place.port, place.settings);
      const file = await configFile(place, 'influxdb.conf', [
        'reporting-disabled = true',
        'bind-address = "127.0.0.1:0"',
        `[meta]\ndir = "${place.dir}/meta"`,
        '[monitor]\nstore-enabled = false',
        '[logging]\nlevel = "error"',
        `[http]\nbind-address = "127.0.0.1:${place.port}"\nlog-enabled = false\nflux-enabled = false`,
        // Last: a test's settings are lines of this section.
        `[data]\ndir = "${place.dir}/data"\nwal-dir = "${place.dir}/wal"\nquery-log-enabled = false\nindex-version = "tsi1"`,
      ]);
      return ['-config', file];
    },
    probe: async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(2_000) });
      if (answer.status !== 204) throw new Error(`/ping answered ${answer.status}`);
      const login = influxdbLogin();
      if (login) await setUpInfluxdb2(`http://127.0.0.1:${port}`, login);
    },
    url: (port) => `http://127.0.0.1:${port}`,
  },
  mosquitto: {
    kind: 'mosquitto',
    name: 'Mosquitto',
    env: 'TEST_MOSQUITTO_URL',
    command: 'mosquitto',
    versionArgs: ['-h'],
    image: 'eclipse-mosquitto:2',
    refusesRoot: false,
    prepare: async (place) => {
      const access = place.settings.some((line) => /^(password_file|allow_anonymous)\b/.test(line));
      return [
        '-c',
        await configFile(place, 'mosquitto.conf', [
          `listener ${place.port} 127.0.0.1`,
          ...(process.getuid?.() === 0 ? ['user root'] : []),
          ...(access ? [] : ['allow_anonymous true']),
          'persistence true',
          `persistence_location ${place.dir}/`,
          // Its default drops what a session that is away gets beyond a thousand messages.
          'max_queued_messages 0',
          'log_type error',
        ]),
      ];
    },
    probe: (port) => exchange(port, '', undefined),
    url: (port) => `mqtt://127.0.0.1:${port}`,
  },
};

function initialise(data: string, target: SpawnTarget): void {
  const args = ['-D', data, '-U', 'citysense', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  const initdb: SpawnTarget =
    target.kind === 'container'
      ? { ...target, command: 'initdb', container: `${target.container}-initdb` }
      : { ...target, path: findProgram('initdb') ?? join(dirname(target.path), 'initdb') };
  const spawned = spawnTarget(initdb, args);
  const { status, stderr } = spawnSync(spawned.command, spawned.args, { ...spawned.options, encoding: 'utf8' });
  if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`);
}

/** PostgreSQL's StartupMessage, protocol 3.0. */
function sessionStart(user: string, database: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, parameters]);
}

/** Connects, sends, and resolves when the answer begins as expected (at once after connecting where nothing is). */
function exchange(port: number, question: string | Buffer, expected: RegExp | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(reason));
    };
    socket.setTimeout(2_000, () => fail('no answer within 2 s'));
    socket.on('error', (error) => fail(error.message));
    socket.on('connect', () => {
      if (expected) return socket.write(question);
      socket.destroy();
      resolve();
    });
    socket.on('data', (answer) => {
      if (!expected?.test(String(answer))) return fail(`it answered ${JSON.stringify(String(answer).slice(0, 80))}`);
      socket.destroy();
      resolve();
    });
  });
}
