import { type Role, tellHealth } from './health.js';

// One build, many processes: `node dist/apps/main.js <role>` runs one of them, `<role> --help` lists its settings, and
// `<role> --health` asks the one that runs on this machine whether it is ready (0) or not (1). `backup` and `restore` are
// commands: they do their work and end.
const roles: Readonly<Record<Role, () => Promise<unknown>>> = {
  'all-in-one': () => import('./all-in-one/main.js'),
  gateway: () => import('./gateway/main.js'),
  pipeline: () => import('./pipeline/main.js'),
  notifier: () => import('./notifier/main.js'),
  api: () => import('./api/main.js'),
};
const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  backup: () => import('./backup/main.js'),
  restore: () => import('./backup/restore.main.js'),
};

const name = process.argv[2]?.startsWith('-') === false ? process.argv[2] : 'all-in-one';
const isRole = (word: string): word is Role => Object.hasOwn(roles, word);
const run = isRole(name) ? roles[name] : commands[name];
if (!run) {
  const known = Object.keys({ ...roles, ...commands }).join(', ');
  process.stderr.write(`"${name}" is no role: choose one of ${known}\n`);
  process.exit(1);
}
if (process.argv.includes('--health') && isRole(name)) tellHealth(name);
else await run();
