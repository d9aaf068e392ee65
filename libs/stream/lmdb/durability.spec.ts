import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { everything, kept, owed, sourceOf, textsOf } from '../testing/contract-scene.js';
import { testOptions } from '../testing/open-test-stream.js';
import { runAppender } from './fixtures/run-appender.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';

const partitions = 4;
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'citysense-durability-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function openLog(dir: string): Promise<LmdbStreamLog> {
  const log = new LmdbStreamLog(testOptions(dir, { partitions }));
  await log.start();
  stops.push(() => log.stop());
  return log;
}

describe('after SIGKILL at a random moment', () => {
  it('everything acknowledged is there, nothing is torn, and steps are whole', async () => {
    const dir = await folder();
    const acknowledged = new Map<number, number>();
    for (let round = 0; round < 5; round++) {
      const first = Math.max(-1, ...acknowledged.values()) + 1_000;
      const appender = runAppender(dir, round === 0 ? 0 : first);
      await appender.opened;
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 300));
      appender.kill();
      expect(await appender.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(appender.errors()).toBe('');
      for (const [partition, number] of appender.acknowledged) acknowledged.set(partition, number);

      const log = new LmdbStreamLog(testOptions(dir, { partitions }));
      await log.start();
      for (let partition = 0; partition < partitions; partition++) {
        const entries = await log.read(sourceOf({ partition }), { ...everything, after: 0 });
        expect(entries.map(({ position }) => position)).toEqual(entries.map((_, index) => index + 1));
        const numbers = textsOf(entries).map((text) => Number(text.split(' ', 1)[0]));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        const last = acknowledged.get(partition);
        if (last !== undefined) expect(numbers).toContain(last);
        // A step is its output, its state and its acknowledgement: all three agree, whenever the kill came.
        const outputs = await kept(log, { stream: 'readings', partition });
        const [state] = await log.readState('stage', partition, ['upTo']);
        expect(entries.length - (await owed(log, sourceOf({ partition }))).length).toBe(outputs.length);
        expect(outputs).toEqual(outputs.map((_, index) => String(index + 1)));
        expect(state ? Number(Buffer.from(state).toString()) : 0).toBe(outputs.length);
      }
      await log.stop();
    }
    expect(acknowledged.size).toBe(partitions);
  });
});

describe('an append', () => {
  const strace = spawnSync('strace', ['-V']).status === 0;
  const reason = strace ? '' : ' (skipped: strace is not installed)';
  (strace ? it : it.skip)(`is acknowledged after an fsync of its own commit, never before${reason}`, async () => {
    const dir = await folder();
    const trace = join(dir, 'trace');
    const appender = runAppender(join(dir, 'stream'), 0, [
      ...['strace', '-f', '-qq', '-y', '-e', 'trace=fdatasync,fsync,write', '-o', trace],
    ]);
    await appender.opened;
    while (Math.min(...[0, 1, 2, 3].map((partition) => appender.acknowledged.get(partition) ?? 0)) < 5) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    appender.kill();
    await appender.exited;
    const { acknowledgements, unsynced } = readTrace(trace);
    expect(acknowledgements).toBeGreaterThan(15);
    expect(unsynced).toEqual([]);
  });
});

/**
 * Between two acknowledgements of one partition lie two commits, its stage's and its append's: so at least two syncs of
 * the data file. Returns the acknowledgements with fewer.
 */
function readTrace(path: string): { acknowledgements: number; unsynced: string[] } {
  const syncsBefore = new Map<string, number>();
  const unsynced: string[] = [];
  let syncs = 0;
  let acknowledgements = 0;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (/(fdatasync|fsync)(\(\d+<[^>]*data\.mdb>\)| resumed>\)) += 0/.test(line)) syncs++;
    const [, partition, number] = /write\(1<[^>]*>, "(\d) (\d+)\\n"/.exec(line) ?? [];
    if (partition === undefined) continue;
    acknowledgements++;
    const before = syncsBefore.get(partition);
    if (before !== undefined && syncs < before + 2) unsynced.push(`${partition} ${number}`);
    syncsBefore.set(partition, syncs);
  }
  return { acknowledgements, unsynced };
}

describe('several threads', () => {
  it('append to the same places without holes, each in its own order, and are seen by tails at once', async () => {
    const dir = await folder();
    const log = await openLog(dir);
    const seen = new Map<number, number[]>();
    log.tail('raw', ({ partition, position }) => {
      seen.set(partition, [...(seen.get(partition) ?? []), position]);
    });
    const count = 60;
    const workers = ['a', 'b', 'c'].map((name) => startWorker(dir, name, count));
    for (let number = 0; number < count; number++) {
      await log.append(
        Array.from({ length: partitions }, (_, partition) => ({
          ...{ stream: 'raw', lane: 'bulk' as const, partition },
          data: Buffer.from(`main ${number}`),
        })),
      );
    }
    await Promise.all(workers.map(({ exited }) => exited));
    const total = count * 4;
    for (let partition = 0; partition < partitions; partition++) {
      const entries = await log.read(sourceOf({ partition }), everything);
      expect(entries.map(({ position }) => position)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
      for (const name of ['main', 'a', 'b', 'c']) {
        const own = textsOf(entries).filter((text) => text.startsWith(`${name} `));
        expect(own).toEqual(Array.from({ length: count }, (_, number) => `${name} ${number}`));
      }
      while ((seen.get(partition)?.length ?? 0) < total) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(seen.get(partition)).toEqual(entries.map(({ position }) => position));
    }
  });

  it('may end in the middle of a write without hurting the others', async () => {
    const dir = await folder();
    const log = await openLog(dir);
    const { worker, exited } = startWorker(dir, 'a', 1_000_000);
    while ((await kept(log)).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.terminate();
    await exited;
    const before = await kept(log);
    await log.append([{ stream: 'raw', lane: 'bulk', partition: 0, data: Buffer.from('after') }]);
    const after = await kept(log);
    expect(after.at(-1)).toBe('after');
    expect(after.slice(0, before.length)).toEqual(before);
  });
});

function startWorker(path: string, name: string, count: number) {
  const worker = new Worker(new URL('./fixtures/appender.worker.js', import.meta.url), {
    workerData: { path, name, count, partitions },
  });
  const exited = new Promise<void>((resolve, reject) => {
    worker.on('exit', () => resolve());
    worker.on('error', reject);
  });
  return { worker, exited };
}
