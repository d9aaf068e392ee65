// Provides the programs that tests run on or look through: a server named by its variable, a program that is there
// already, else Debian's package where we are root, else (when a test starts it) a container.
// Where none can be had, those tests say why they are skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const programs = [
  { command: 'strace', package: 'strace', for: 'seeing that every acknowledgement follows its fsync' },
  { command: 'redis-server', package: 'redis-server', env: 'TEST_REDIS_URL', for: 'the stream on Redis' },
  { command: 'postgres', package: 'postgresql', env: 'TEST_POSTGRESQL_URL', for: 'the registry on PostgreSQL' },
  { command: 'influxd', package: 'influxdb', env: 'TEST_INFLUXDB_URL', for: 'the telemetry store on InfluxDB' },
  { command: 'mosquitto', package: 'mosquitto', env: 'TEST_MOSQUITTO_URL', for: 'the bridge to an MQTT cluster' },
  { command: 'mosquitto_pub', package: 'mosquitto-clients', for: 'stock MQTT clients' },
  { command: 'chromium', package: 'chromium', env: 'CHROMIUM_PATH', for: 'the console in a browser' },
];

const missing = programs.filter(({ command, env }) => !(env && process.env[env]) && !isThere(command));
if (missing.length > 0) provide(missing);

function isThere(command) {
  const clusters = '/usr/lib/postgresql';
  const versions = existsSync(clusters) ? readdirSync(clusters).map((version) => join(clusters, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', ...versions];
  return folders.some((folder) => existsSync(join(folder, command)));
}

function provide(wanted) {
  const apt = (...args) =>
    spawnSync('apt-get', args, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  if (process.getuid?.() === 0 && apt('--version').status === 0) {
    const packages = wanted.map((program) => program.package);
    process.stderr.write(`citysense: installing ${packages.join(', ')} for the tests\n`);
    apt('update', '-qq');
    if (apt('install', '-y', '-qq', '--no-install-recommends', ...packages).status === 0) return;
  }
  for (const { command, for: purpose } of wanted) {
    process.stderr.write(
      `citysense: ${command} is not installed; tests for ${purpose} need a container, or are skipped\n`,
    );
  }
}
