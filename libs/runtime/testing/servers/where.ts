import { type SpawnOptions, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where a server's program is: on this machine, or in an image. */
export type SpawnTarget = (
  | { kind: 'program'; path: string }
  | { kind: 'container'; image: string; command: string; container: string; dir: string }
) & {
  /** Who it runs as, where not as ourselves. */
  user?: { uid: number; gid: number };
};

/** What `child_process.spawn` is to be called with. */
export function spawnTarget(
  target: SpawnTarget,
  args: readonly string[],
): { command: string; args: string[]; options: SpawnOptions } {
  if (target.kind === 'program') return { command: target.path, args: [...args], options: { ...target.user } };
  const { uid, gid } = target.user ?? { uid: process.getuid?.() ?? 1000, gid: process.getgid?.() ?? 1000 };
  const run = ['run', '--rm', '--init', '--name', target.container, '--network=host', '--user', `${uid}:${gid}`];
  // Beside its own folder lie files that a test's settings name. initdb asks for the name of whoever runs it, and an image
  // knows only its own.
  const folder = dirname(target.dir);
  for (const mount of [`${folder}:${folder}`, '/etc/passwd:/etc/passwd:ro']) run.push('-v', mount);
  return { command: 'docker', args: [...run, '--entrypoint', target.command, target.image, ...args], options: {} };
}

/** Finds a program on the PATH and where Debian puts daemons; undefined where it is not. */
export function findProgram(name: string): string | undefined {
  const versioned = '/usr/lib/postgresql';
  const newest = existsSync(versioned) ? readdirSync(versioned).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    '/usr/sbin',
    '/usr/local/sbin',
    ...newest.map((version) => join(versioned, version, 'bin')),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

let engine: boolean | undefined;

/** A container of `image` to run `command` in, where a container engine runs here. */
export function findContainer(image: string, command: string, dir: string): SpawnTarget | undefined {
  engine ??= spawnSync('docker', ['version'], { stdio: 'ignore', timeout: 5_000 }).status === 0;
  if (!engine) return undefined;
  return { kind: 'container', image, command, container: `citysense-test-${randomUUID()}`, dir };
}
