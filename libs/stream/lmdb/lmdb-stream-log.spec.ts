import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScriptedClock } from '#libs/runtime';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { type TestStreamOptions, testOptions } from '../testing/open-test-stream.js';
import { freeBytes } from './disk-room.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';

describeStreamLog('lmdb', async (clock: ScriptedClock) => {
  const dir = await mkdtemp(join(tmpdir(), 'citysense-stream-'));
  const logs: LmdbStreamLog[] = [];
  const open = async (options: TestStreamOptions = {}) => {
    const log = new LmdbStreamLog(testOptions(dir, { clock, ...options }));
    await log.start();
    logs.push(log);
    return log;
  };
  const log = await open();
  return {
    log,
    another: () => open(),
    // More than there is, and half of it less.
    crowded: () => open({ reserveBytes: freeBytes(dir) * 1.5 }),
    reopen: async () => {
      for (const one of logs.splice(0)) await one.stop();
      return open();
    },
    stop: async () => {
      for (const one of logs.splice(0)) await one.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
});
