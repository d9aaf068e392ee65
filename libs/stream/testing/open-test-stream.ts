import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createLogger, systemClock } from '#libs/runtime';
import { LmdbStreamLog, type LmdbStreamLogOptions } from '../lmdb/index.js';

/** What a test may choose; the defaults are 4 partitions and the machine's clock. */
export interface TestStreamOptions {
  /** A folder such as a killed process left it; a new one otherwise. */
  dir?: string;
  partitions?: number;
  reserveBytes?: number;
  clock?: Clock;
  beforeCommit?: () => void;
  onFatal?: (error: Error) => void;
}

/** An open stream of a test. */
export interface TestStream {
  log: LmdbStreamLog;
  dir: string;
  /** Closes the log and removes its folder. */
  stop(): Promise<void>;
}

/** A real embedded stream for the specs of any lib: in a folder of its own, or in `dir`. */
export async function openTestStream(options: TestStreamOptions = {}): Promise<TestStream> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'citysense-stream-')));
  const log = new LmdbStreamLog(testOptions(dir, options));
  await log.start();
  return {
    log,
    dir,
    stop: async () => {
      await log.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What a test opens an environment with: 4 partitions, a silent log, a fatal failure thrown at whoever looks. */
export function testOptions(path: string, options: TestStreamOptions = {}): LmdbStreamLogOptions {
  return {
    path,
    partitions: options.partitions ?? 4,
    reserveBytes: options.reserveBytes ?? 2 ** 20,
    clock: options.clock ?? systemClock,
    logger: createLogger('test', 'silent'),
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
    ...(options.beforeCommit ? { beforeCommit: options.beforeCommit } : {}),
  };
}
