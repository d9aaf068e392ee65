// Builds the console: `types` writes the types of the REST API from openapi.json, `build` makes dist/console.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const step = { types, build }[process.argv[2]];
if (!step) {
  process.stderr.write(`usage: node deploy/console.mjs types|build\n`);
  process.exit(1);
}
step();

function types() {
  const file = join('apps', 'console', 'src', 'api', 'schema.d.ts');
  const command = join('node_modules', 'openapi-typescript', 'bin', 'cli.js');
  run(
    command,
    ['openapi.json', '--output', file, '--default-non-nullable', 'false', '--empty-objects-unknown', '--alphabetize'],
    'pipe',
  );
}

function build() {
  run(join('node_modules', 'vite', 'bin', 'vite.js'), [
    'build',
    '--config',
    'apps/console/vite.config.mjs',
    '--logLevel',
    'warn',
  ]);
  compress(join(root, 'dist', 'console', 'assets'));
}

/** Compressed once here rather than for every browser; what hardly shrinks is left. */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    if (!/\.(?:js|css|svg|json)$/.test(name)) continue;
    const file = join(folder, name);
    const plain = readFileSync(file);
    if (plain.length < 1_024) continue;
    writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
    writeFileSync(`${file}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
  }
}

function run(program, args, stdout = 'inherit') {
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ['ignore', stdout, stdout],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  if (status === 0) return;
  if (stderr) process.stderr.write(stderr);
  process.exit(status ?? 1);
}
