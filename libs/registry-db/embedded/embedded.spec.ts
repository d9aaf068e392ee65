import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { copyTestRegistry, type EmbeddedTestRegistry, openEmbeddedTestRegistry } from '../testing/index.js';
import { describeRegistry } from '../testing/registry.contract.js';
import { lockDirectory } from './directory-lock.js';
import { startEmbeddedRegistry } from './start-embedded.js';

describeRegistry('the embedded engine', openEmbeddedTestRegistry);

describe('durability', () => {
  let registry: EmbeddedTestRegistry;
  beforeAll(async () => {
    registry = await openEmbeddedTestRegistry();
    const client = await connect(registry.url);
    await client.query('create table kept (n int primary key)');
    await client.end();
  });
  afterAll(() => registry.stop());

  it('reaches the disk once per commit', async () => {
    const client = await connect(registry.url);
    for (let n = 0; n < 5; n++) await client.query('insert into kept values ($1)', [n]);
    const before = registry.syncs();
    for (let n = 5; n < 30; n++) await client.query('insert into kept values ($1)', [n]);
    expect(registry.syncs() - before).toBeGreaterThanOrEqual(25);
    await client.query('select count(*) from kept');
    expect(registry.syncs() - before).toBeLessThan(40);
    await client.end();
  });

  it('keeps every commit it answered through SIGKILL, and takes the dead lock over', async () => {
    const directory = join(await mkdtemp(join(tmpdir(), 'citysense-kill-')), 'registry');
    await copyTestRegistry(directory);
    let running = await startEmbeddedRegistry(directory);
    let client = await connect(running.url);
    await client.query('create table kept (n int primary key)');
    await client.end();
    await running.stop();
    let answered = -1;
    for (let round = 0; round < 2; round++) {
      answered = await killWhileWriting(directory, answered + 1);
      running = await startEmbeddedRegistry(directory);
      client = await connect(running.url);
      const { rows } = await client.query<{ n: number }>('select n from kept order by n');
      // The one under way when it died may be there or not.
      expect(rows.length - 1 - answered).toBeGreaterThanOrEqual(0);
      expect(rows.length - 1 - answered).toBeLessThanOrEqual(1);
      answered = rows.length - 1;
      await client.end();
      await running.stop();
    }
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  it('serves a folder whose path is too long for a socket', async () => {
    const root = await mkdtemp(join(tmpdir(), 'citysense-long-'));
    const directory = join(root, 'd'.repeat(100), 'registry');
    await mkdir(directory, { recursive: true });
    await copyTestRegistry(directory);
    const running = await startEmbeddedRegistry(directory);
    const client = await connect(running.url);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    const socketFolder = decodeURIComponent(
      new URL(running.url.replace('@/', '@host/')).searchParams.get('host') ?? '',
    );
    await running.stop();
    expect(existsSync(socketFolder)).toBe(false);
    await rm(root, { recursive: true, force: true });
  });
});

describe('one process per folder', () => {
  it('refuses a second owner and names the first', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'citysense-lock-'));
    const unlock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow('already open in this process');
    unlock();
    (await lockDirectory(directory))();
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  const boot = '00000000-0000-0000-0000-000000000000';
  it.each([
    ['of a process that is gone', { pid: 999_999_999 }],
    ['of another process that had our id, as in a container', { pid: process.pid, started: `${boot}:1` }],
    ['of a process whose id is in use again', { pid: process.ppid, started: `${boot}:1` }],
    ['that was torn', undefined],
  ])('takes over a lock %s', async (_name, owner) => {
    const directory = await mkdtemp(join(tmpdir(), 'citysense-lock-'));
    writeFileSync(join(directory, 'lock'), owner ? JSON.stringify(owner) : '{"pid":');
    (await lockDirectory(directory))();
    await rm(directory, { recursive: true });
  });

  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const contained = [...asRoot, '--pid', '--fork', '--mount-proc', '--kill-child'];
  const canBeContained = spawnSync('unshare', [...contained, 'true']).status === 0;
  const skipped = canBeContained ? '' : ' (skipped: no namespace for processes can be made here)';

  (canBeContained ? it : it.skip)(`respects a lock of another container, until that is killed${skipped}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'citysense-lock-'));
    const lock = JSON.stringify(new URL('./directory-lock.js', import.meta.url));
    const script = `await (await import(${lock})).lockDirectory(${JSON.stringify(directory)}); console.log('held'); setInterval(() => 0, 1000);`;
    const owner = spawn('unshare', [...contained, process.execPath, '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(owner.stdout, 'data');
      await expect(lockDirectory(directory)).rejects.toThrow('in use by process 1.');
    } finally {
      owner.kill('SIGKILL');
      await once(owner, 'close');
    }
    (await lockDirectory(directory))();
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it('respects a lock whose owner lives', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'citysense-lock-'));
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: process.ppid }));
    await expect(lockDirectory(directory)).rejects.toThrow(`in use by process ${process.ppid}`);
    await rm(directory, { recursive: true });
  });
});

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Runs the writer in a process of its own, kills it after some answers, and gives the last number it answered. */
async function killWhileWriting(directory: string, from: number): Promise<number> {
  const writer = fileURLToPath(new URL('../testing/commit-writer.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [writer, directory, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let last = from - 1;
  if (!child.stdout) throw new Error('The writer has no output.');
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last === from + 60) child.kill('SIGKILL');
  }
  await exited;
  return last;
}
