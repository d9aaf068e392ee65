// Installs and builds what is missing; every npm script runs it first. Uses nothing but Node itself.
// With --no-console the console is left as it is, for scripts that serve no pages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = ['apps', 'libs', 'devices-sim', 'test'];
const built = join(root, 'dist', '.built');
const consoleFolder = join(root, 'dist', 'console') + sep;
const consoleBuilt = join(root, 'dist', '.console-built');
const description = join(root, 'openapi.json');
const descriptionTypes = join(root, 'apps', 'console', 'src', 'api', 'schema.d.ts');
const npmRecord = join(root, 'node_modules', '.package-lock.json');
const installed = join(root, 'node_modules', '.installed-lock');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`CitySense needs Node.js 20.19 or newer; this is ${process.version}. 需要 Node.js 20.19 或更高版本。`);
}
if (mustInstall()) install();
if (mustWriteTypes()) writeTypes();
if (mustBuild()) build();
if (!process.argv.includes('--no-console') && mustBuildConsole()) buildConsole();

/** True unless npm has written its record since the lock file changed, or what is installed came from the same lock file. */
function mustInstall() {
  if (!existsSync(npmRecord)) return true;
  if (statSync(npmRecord).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs) return false;
  return !existsSync(installed) || readFileSync(installed, 'utf8') !== lockDigest();
}

function install() {
  say('installing packages, once… 正在安装依赖…');
  // Not `npm ci`: it refuses a lock file that lacks the optional packages of other platforms, which this one never needs.
  run(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    'packages could not be installed',
  );
  writeFileSync(installed, lockDigest());
}

function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function mustBuild() {
  if (!existsSync(built)) return true;
  const since = statSync(built).mtimeMs;
  const configs = ['package.json', 'tsconfig.json'].map((name) => join(root, name));
  return [...configs, ...sources.flatMap((folder) => filesBelow(join(root, folder)))].some(
    (file) => statSync(file).mtimeMs > since,
  );
}

function build() {
  say('building… 正在构建…');
  const started = Date.now();
  run(process.execPath, [join('node_modules', 'ts7', 'bin', 'tsc'), '-p', 'tsconfig.json'], 'the build failed');
  for (const file of filesBelow(join(root, 'dist')).filter((file) => !file.startsWith(consoleFolder))) {
    const source = join(root, file.slice(join(root, 'dist').length)).replace(/\.js(\.map)?$/, '.ts');
    if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(file);
  }
  writeFileSync(built, '');
  // A source saved while the build ran is newer than what was built.
  if (mustBuild() && Date.now() - started < 60_000) build();
}

/** The console's types of the REST API are made from its description, so they cannot differ from it. */
function mustWriteTypes() {
  return !existsSync(descriptionTypes) || statSync(descriptionTypes).mtimeMs < statSync(description).mtimeMs;
}

function writeTypes() {
  run(process.execPath, [join('deploy', 'console.mjs'), 'types'], 'the types of the REST API could not be written');
}

function mustBuildConsole() {
  if (!existsSync(consoleBuilt)) return true;
  const since = statSync(consoleBuilt).mtimeMs;
  const configs = ['package-lock.json', 'deploy/console.mjs'].map((name) => join(root, name));
  return [...configs, ...filesBelow(join(root, 'apps', 'console'))].some((file) => statSync(file).mtimeMs > since);
}

function buildConsole() {
  say('building the console… 正在构建控制台…');
  const started = new Date();
  run(process.execPath, [join('deploy', 'console.mjs'), 'build'], 'the console could not be built');
  writeFileSync(consoleBuilt, '');
  // A source saved while the build ran is newer than what was built.
  utimesSync(consoleBuilt, started, started);
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function run(command, args, problem) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail(problem);
}

function say(text) {
  process.stderr.write(`citysense: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
