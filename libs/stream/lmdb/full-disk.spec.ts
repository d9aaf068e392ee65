import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { ScriptedClock } from '#libs/runtime';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import { entry, kept, sourceOf, startOfTime } from '../testing/contract-scene.js';
import { openTestStream, testOptions } from '../testing/open-test-stream.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';

const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A log whose disk answers what `disk.error` says. */
async function withDisk(clock = new ScriptedClock(startOfTime)) {
  const disk: { error: Error | undefined; commits: number } = { error: undefined, commits: 0 };
  const fatal: Error[] = [];
  const stream = await openTestStream({
    clock,
    onFatal: (error) => fatal.push(error),
    beforeCommit: () => {
      disk.commits++;
      if (disk.error) throw disk.error;
    },
  });
  stops.push(() => stream.stop());
  return { ...stream, disk, fatal, clock };
}

const full = () => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
const broken = () => Object.assign(new Error('input/output error'), { code: 'EIO' });

describe('a full disk', () => {
  it('refuses appends and commits as retryable, pauses, and takes them again once there is room', async () => {
    const { log, disk, fatal, clock } = await withDisk();
    await log.append([entry('before')]);
    disk.error = full();
    const refusals = await Promise.allSettled([
      log.append([entry('a')]),
      log.commit({ source: sourceOf(), upTo: 1, append: [], state: [] }),
      log.append([entry('b')]),
    ]);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: 'rejected', reason: { code: 'stream_unavailable', retryable: true } });
    }
    expect(log.problem()).toMatch(/is full/);
    const { commits } = disk;
    await expect(log.append([entry('c')])).rejects.toBeInstanceOf(StreamUnavailableError);
    expect(disk.commits).toBe(commits);

    disk.error = undefined;
    await clock.advance(1_000);
    await log.append([entry('after')]);
    expect(log.problem()).toBeUndefined();
    expect(await kept(log)).toEqual(['before', 'after']);
    expect(fatal).toEqual([]);
  });

  it('keeps the order of one caller: what was queued behind a refused append is refused with it', async () => {
    const { log, disk } = await withDisk();
    const first = log.append([entry('first')]);
    await Promise.resolve();
    disk.error = full();
    const rest = ['second', 'third'].map((text) => log.append([entry(text)]));
    const outcomes = await Promise.allSettled([first, ...rest]);
    expect(new Set(outcomes.slice(1).map(({ status }) => status))).toEqual(new Set(['rejected']));
    disk.error = undefined;
    expect(await kept(log)).toEqual(outcomes[0]?.status === 'fulfilled' ? ['first'] : []);
  });
});

describe('a failed fsync', () => {
  it('ends the log: nothing is retried, everything is refused, and the process is told once', async () => {
    const { log, disk, fatal, clock } = await withDisk();
    await log.append([entry('before')]);
    disk.error = broken();
    await expect(log.append([entry('a')])).rejects.toBeInstanceOf(StreamFailedError);
    const { commits } = disk;
    disk.error = undefined;
    await clock.advance(60_000);
    await expect(log.append([entry('b')])).rejects.toMatchObject({ code: 'stream_failed', retryable: false });
    await expect(log.commit({ source: sourceOf(), upTo: 1, append: [], state: [] })).rejects.toBeInstanceOf(
      StreamFailedError,
    );
    expect(disk.commits).toBe(commits);
    expect(fatal).toHaveLength(1);
    expect(log.problem()).toMatch(/must end and start again/);
  });
});

describe('a disk that is really full', () => {
  const place = mkdtempSync(join(tmpdir(), 'citysense-full-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', place]).status === 0;
  const reason = mounted ? '' : ' (skipped: mounting a small file system is not allowed here)';
  afterAll(() => {
    if (mounted) spawnSync('umount', [place]);
    rmSync(place, { recursive: true, force: true });
  });

  (mounted ? it : it.skip)(`loses nothing it acknowledged, and goes on when space is freed${reason}`, async () => {
    const ballast = join(place, 'ballast');
    writeFileSync(ballast, Buffer.alloc(5_000_000));
    const clock = new ScriptedClock(startOfTime);
    const fatal: Error[] = [];
    const options = testOptions(join(place, 'stream'), {
      clock,
      reserveBytes: 3_000_000,
      onFatal: (error) => fatal.push(error),
    });
    let log = new LmdbStreamLog(options);
    stops.push(() => log.stop());
    await log.start();
    const acknowledged: string[] = [];
    const appendUntilFull = async () => {
      for (let number = acknowledged.length; ; number++) {
        const text = `${number} `.repeat(2_000);
        try {
          await log.append([entry(text)]);
          acknowledged.push(text);
        } catch (error) {
          expect(error).toBeInstanceOf(StreamUnavailableError);
          return;
        }
      }
    };
    await appendUntilFull();
    const atFirst = acknowledged.length;
    expect(atFirst).toBeGreaterThan(50);
    expect(await kept(log)).toEqual(acknowledged);
    // Intake has stopped; a stage may still work off what is there.
    await log.commit({ source: sourceOf(), upTo: 10, append: [entry('out', { stream: 'readings' })], state: [] });

    rmSync(ballast);
    await clock.advance(1_000);
    await appendUntilFull();
    expect(acknowledged.length).toBeGreaterThan(atFirst + 20);
    expect(fatal).toEqual([]);

    await log.stop();
    log = new LmdbStreamLog(options);
    await log.start();
    expect(await kept(log)).toEqual(acknowledged);
    await log.stop();
    rmSync(join(place, 'stream'), { recursive: true });
  });

  (mounted ? it : it.skip)(
    `takes more in once trimming has freed pages, though its file does not shrink${reason}`,
    async () => {
      const clock = new ScriptedClock(startOfTime);
      const dir = join(place, 'trimmed');
      const log = new LmdbStreamLog(testOptions(dir, { clock, reserveBytes: 6_000_000 }));
      stops.push(async () => {
        await log.stop();
        rmSync(dir, { recursive: true });
      });
      await log.start();
      await log.registerGroup('raw', 'stage');
      const appendUntilRefused = async () => {
        for (let count = 0; ; count++) {
          try {
            await log.append([entry('x'.repeat(20_000))]);
          } catch (error) {
            expect(error).toMatchObject({ code: 'stream_unavailable' });
            return count;
          }
        }
      };
      const first = await appendUntilRefused();
      const size = () => statSync(join(dir, 'data.mdb')).size;
      const full = size();
      await log.commit({ source: sourceOf(), upTo: first, append: [], state: [] });
      await clock.advance(3_600_000);
      expect(await log.trim([{ stream: 'raw', maxAgeMs: 1, maxBytes: 1 }])).toBe(first);
      await clock.advance(1_000);
      // What has been freed is used again, and counts.
      for (let more = 0; more < first / 2; more++) {
        await log.append([entry('y'.repeat(20_000))]);
        await clock.advance(100);
      }
      expect(log.problem()).toBeUndefined();
      expect(size() - full).toBeLessThan(1_000_000);
      // Its room ends again.
      expect(await appendUntilRefused()).toBeLessThan(first);
    },
  );
});
