// Provides the programs that some tests look through: what is there already, else Debian's package where we are root.
// Where neither can be had, those tests say why they are skipped.
import { spawnSync } from 'node:child_process';

const programs = [{ command: 'strace', probe: '-V', for: 'seeing that every acknowledgement follows its fsync' }];

const missing = programs.filter(({ command, probe }) => spawnSync(command, [probe], { stdio: 'ignore' }).status !== 0);
if (missing.length > 0) provide(missing.map(({ command }) => command));

function provide(packages) {
  const apt = (...args) =>
    spawnSync('apt-get', args, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  if (process.getuid?.() === 0 && apt('--version').status === 0) {
    process.stderr.write(`citysense: installing ${packages.join(', ')} for the tests\n`);
    apt('update', '-qq');
    if (apt('install', '-y', '-qq', '--no-install-recommends', ...packages).status === 0) return;
  }
  for (const { command, for: purpose } of missing) {
    process.stderr.write(`citysense: ${command} is not installed; tests for ${purpose} are skipped\n`);
  }
}
