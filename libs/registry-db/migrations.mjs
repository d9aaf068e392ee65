// `generate` replaces the one initial migration by what the compiled schema says (until the first release; from then on
// migrations are append-only). `check` fails where the schema says more than the migrations.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const folder = 'libs/registry-db/migrations';

function drizzle(out) {
  const options = [
    '--dialect',
    'postgresql',
    '--schema',
    './dist/libs/registry-db/schema/index.js',
    '--name',
    'initial',
  ];
  const command = ['node_modules/drizzle-kit/bin.cjs', 'generate', ...options, '--out', relative('.', out)];
  return execFileSync(process.execPath, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

const draft = mkdtempSync('libs/registry-db/.migrations-');
try {
  const out = join(draft, 'migrations');
  if (process.argv[2] === 'generate') {
    process.stdout.write(drizzle(out));
    rmSync(folder, { recursive: true, force: true });
    renameSync(out, folder);
  } else {
    cpSync(folder, out, { recursive: true });
    const files = readdirSync(out).length;
    drizzle(out);
    if (readdirSync(out).length !== files) {
      console.error(
        'The schema has changed without its migration. Run npm run db:generate and commit libs/registry-db/migrations.',
      );
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(draft, { recursive: true, force: true });
}
