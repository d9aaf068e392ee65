import { httpConfig, operationsConfig, readConfig } from '#libs/runtime';
import { operationsPorts } from './operations-ports.js';

// One build, many processes: `node dist/apps/main.js <role>` runs one of them, `<role> --help` lists its settings, and
// `<role> --health` asks the one that runs on this machine whether it is ready (0) or not (1). `backup` and `restore` are
// commands: they do their work and end.
const apiPort = () => readConfig(httpConfig, process.env).httpPort;
const roles: Readonly<Record<string, { run: () => Promise<unknown>; healthPort?: () => number }>> = {
  'all-in-one': { run: () => import('./all-in-one/main.js'), healthPort: apiPort },
  gateway: { run: () => import('./gateway/main.js'), healthPort: () => operationsPort(operationsPorts.gateway) },
  pipeline: { run: () => import('./pipeline/main.js'), healthPort: () => operationsPort(operationsPorts.pipeline) },
  notifier: { run: () => import('./notifier/main.js'), healthPort: () => operationsPort(operationsPorts.notifier) },
  api: { run: () => import('./api/main.js'), healthPort: apiPort },
  backup: { run: () => import('./backup/main.js') },
  restore: { run: () => import('./backup/restore.main.js') },
};
const healthTimeoutMs = 5_000;

const name = process.argv[2]?.startsWith('-') === false ? process.argv[2] : 'all-in-one';
const role = roles[name];
if (!role) {
  process.stderr.write(`"${name}" is no role: choose one of ${Object.keys(roles).join(', ')}\n`);
  process.exit(1);
}
if (process.argv.includes('--health') && role.healthPort) await tellHealth(role.healthPort());
else await role.run();

function operationsPort(byDefault: number): number {
  return readConfig(operationsConfig(byDefault), process.env).port;
}

async function tellHealth(port: number): Promise<never> {
  try {
    const signal = AbortSignal.timeout(healthTimeoutMs);
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal });
    process.stdout.write(`${await answer.text()}\n`);
    process.exit(answer.ok ? 0 : 1);
  } catch (error) {
    process.stdout.write(`no answer on port ${port}: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
