import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { StreamCorruptError, StreamOpenError } from '../stream.errors.js';
import { everything, kept, sourceOf } from '../testing/contract-scene.js';
import { testOptions } from '../testing/open-test-stream.js';
import { runAppender } from './fixtures/run-appender.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'citysense-opening-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function open(dir: string, partitions = 4): Promise<LmdbStreamLog> {
  const log = new LmdbStreamLog(testOptions(dir, { partitions }));
  stops.push(() => log.stop());
  await log.start();
  return log;
}

/** A closed environment with entries of many sizes, and what it holds. */
async function written(count = 40): Promise<{ dir: string; texts: string[] }> {
  const dir = await folder();
  const log = await open(dir);
  const texts = Array.from({ length: count }, (_, number) => `${number} `.repeat(1 + ((number * 131) % 1_500)));
  for (const text of texts) {
    await log.append([{ stream: 'raw', lane: 'bulk', partition: 0, data: Buffer.from(text) }]);
    const state = [{ key: text.slice(0, 4), value: Buffer.from(text.slice(0, 600)) }];
    await log.commit({ source: sourceOf(), upTo: undefined, append: [], state });
  }
  await log.stop();
  return { dir, texts };
}

/** Runs a program as process 1, as a container does; it ends with its wrapper. */
const contained = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  ...['--pid', '--fork', '--mount-proc', '--kill-child'],
];
const canBeContained = spawnSync(contained[0] as string, [...contained.slice(1), 'true']).status === 0;
const skipped = canBeContained ? '' : ' (skipped: no namespace for processes can be made here)';

/** An appender in a container of its own, which ends with the test. */
function containedAppender(dir: string): ReturnType<typeof runAppender> {
  const appender = runAppender(dir, 0, contained);
  stops.push(async () => appender.kill());
  return appender;
}

describe('a folder', () => {
  it('belongs to one process at a time, and is free after a SIGKILL', async () => {
    const dir = await folder();
    const appender = runAppender(dir, 0);
    await appender.opened;
    const refused = open(dir);
    await expect(refused).rejects.toBeInstanceOf(StreamOpenError);
    await expect(refused).rejects.toThrow(/in use by process \d+: stop it first, or set another DATA_DIR/);
    appender.kill();
    await appender.exited;
    const log = await open(dir);
    const second = runAppender(dir, 0);
    expect((await second.exited).code).not.toBe(0);
    expect(second.errors()).toContain(`in use by process ${process.pid}`);
    await log.append([{ stream: 'raw', lane: 'bulk', partition: 0, data: Buffer.from('still ours') }]);
  });

  (canBeContained ? it : it.skip)(
    `belongs to one container at a time, and is free after a SIGKILL${skipped}`,
    async () => {
      const dir = await folder();
      for (let round = 0; round < 2; round++) {
        const appender = containedAppender(dir);
        await appender.opened;
        expect(appender.errors()).toBe('');
        await expect(open(dir)).rejects.toThrow(/in use by process 1: stop it first/);
        const second = containedAppender(dir);
        expect((await second.exited).code).not.toBe(0);
        expect(second.errors()).toContain('in use by process 1');
        appender.kill();
        await appender.exited;
      }
      const log = await open(dir);
      const other = containedAppender(dir);
      await other.exited;
      expect(other.errors()).toContain(`in use by process ${process.pid}`);
      await log.stop();
      expect(readdirSync(dir).filter((name) => name.startsWith('process.lock'))).toEqual([]);
    },
  );

  it('is not held by a process id that came again, nor by an unreadable lock', async () => {
    const dir = await folder();
    for (const text of [JSON.stringify({ pid: process.pid, startedAt: '1', boot: 'another' }), '{"pid":', '']) {
      writeFileSync(join(dir, 'process.lock'), text);
      const log = await open(dir);
      expect(readFileSync(join(dir, 'process.lock'), 'utf8')).toContain(String(process.pid));
      await log.stop();
      expect(readdirSync(dir).filter((name) => name.startsWith('process.lock'))).toEqual([]);
    }
  });

  it('keeps the number of partitions it was made with', async () => {
    const { dir } = await written(1);
    const refused = open(dir, 8);
    await expect(refused).rejects.toBeInstanceOf(StreamOpenError);
    await expect(refused).rejects.toThrow(/STREAM_PARTITIONS is 8, but .* was made with 4: set it back/);
    expect(JSON.parse(readFileSync(join(dir, 'format.json'), 'utf8'))).toEqual({ format: 2, partitions: 4 });
  });

  it('that has lost its data is refused, not taken for a new one', async () => {
    const { dir } = await written(1);
    truncateSync(join(dir, 'data.mdb'), 0);
    await expect(open(dir)).rejects.toBeInstanceOf(StreamCorruptError);
    rmSync(join(dir, 'data.mdb'));
    await expect(open(dir)).rejects.toThrow(/its data.mdb is gone or empty: restore a backup into an empty DATA_DIR/);
  });
});

describe('a damaged file', () => {
  it('cut off anywhere is refused, or had lost nothing', async () => {
    const { dir, texts } = await written();
    const { size } = statSync(join(dir, 'data.mdb'));
    const outcomes = { refused: 0, whole: 0 };
    for (let cut = 1; cut < size; cut += cut < 20_000 ? 1_111 : 1_777) {
      const copy = join(dir, 'copy');
      mkdirSync(copy);
      for (const name of ['data.mdb', 'format.json']) copyFileSync(join(dir, name), join(copy, name));
      truncateSync(join(copy, 'data.mdb'), size - cut);
      const log = new LmdbStreamLog(testOptions(copy));
      try {
        await log.start();
        expect(await kept(log)).toEqual(texts);
        await log.append([{ stream: 'raw', lane: 'bulk', partition: 1, data: Buffer.alloc(50_000) }]);
        outcomes.whole++;
      } catch (error) {
        expect(error).toBeInstanceOf(StreamCorruptError);
        outcomes.refused++;
      } finally {
        await log.stop();
        rmSync(copy, { recursive: true });
      }
    }
    expect(outcomes.refused).toBeGreaterThan(20);
  });

  it('with a flipped byte in an entry is refused at start, or when the entry is read', async () => {
    const { dir, texts } = await written(20);
    const file = join(dir, 'data.mdb');
    const bytes = readFileSync(file);
    const flip = (text: string) => {
      const copy = Buffer.from(bytes);
      // Freed pages hold old copies of small entries: all of them are changed.
      for (let at = copy.indexOf(text); at >= 0; at = copy.indexOf(text, at + text.length))
        copy.writeUInt8(copy.readUInt8(at + 1) ^ 0x40, at + 1);
      writeFileSync(file, copy);
    };
    flip(texts[19] as string);
    await expect(open(dir)).rejects.toBeInstanceOf(StreamCorruptError);

    flip(texts[3] as string);
    const failures: Error[] = [];
    const log = new LmdbStreamLog(testOptions(dir, { onFatal: (error) => failures.push(error) }));
    stops.push(() => log.stop());
    await log.start();
    await expect(log.read(sourceOf(), { ...everything, after: 0 })).rejects.toThrow(/entry raw\/bulk\/0\/4 is damaged/);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(StreamCorruptError);
  });
});
