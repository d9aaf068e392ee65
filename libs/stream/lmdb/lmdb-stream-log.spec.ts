import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScriptedClock } from '#libs/runtime';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { testOptions } from '../testing/open-test-stream.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';

describeStreamLog('lmdb', async (clock: ScriptedClock) => {
  const dir = await mkdtemp(join(tmpdir(), 'citysense-stream-'));
  const logs: LmdbStreamLog[] = [];
  const open = async () => {
    const log = new LmdbStreamLog(testOptions(dir, { clock }));
    await log.start();
    logs.push(log);
    return log;
  };
  const log = await open();
  return {
    log,
    another: open,
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
