// `generate NAME` appends a migration that brings what the compiled schema says beyond the migrations there are; those
// are never changed, for registries have run them. `check` fails where the schema says more than the migrations.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const folder = 'libs/registry-db/migrations';
const sql = (path) => readdirSync(path).filter((file) => file.endsWith('.sql'));

/** Appends to the migrations in `out`. */
function drizzle(out, name, stdin) {
  const options = ['--dialect', 'postgresql', '--schema', './dist/libs/registry-db/schema/index.js', '--name', name];
  const command = ['node_modules/drizzle-kit/bin.cjs', 'generate', ...options, '--out', relative('.', out)];
  return execFileSync(process.execPath, command, { encoding: 'utf8', stdio: [stdin, 'pipe', 'inherit'] });
}

const [task, name] = process.argv.slice(2);
const draft = mkdtempSync('libs/registry-db/.migrations-');
try {
  const out = join(draft, 'migrations');
  cpSync(folder, out, { recursive: true });
  if (task === 'generate') {
    if (!/^[a-z][a-z0-9_]*$/.test(name ?? '')) {
      console.error('Name the migration by what it brings: npm run db:generate -- device_commands');
      process.exitCode = 1;
    } else {
      // It asks where a column may have been renamed.
      process.stdout.write(drizzle(out, name, 'inherit'));
      cpSync(out, folder, { recursive: true });
    }
  } else {
    drizzle(out, 'missing', 'ignore');
    if (sql(out).length !== sql(folder).length) {
      console.error(
        'The schema has changed without its migration. Run npm run db:generate -- NAME and commit libs/registry-db/migrations.',
      );
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(draft, { recursive: true, force: true });
}
