import { testRedisLog } from '../../testing/open-test-redis-stream.js';
import { runCountingStage } from './counting-stage.js';

/** The counting stage as a process that a test can freeze and kill: `url prefix leaseMs`. Says what it does, line by line. */
const [url = '', prefix = '', leaseMs = ''] = process.argv.slice(2);
const log = await testRedisLog(url, { prefix, leaseMs: Number(leaseMs) });
await log.start();
const stage = await runCountingStage(log, {
  batch: ({ partition }) => process.stdout.write(`batch ${partition}\n`),
  reset: ({ partition }) => process.stdout.write(`reset ${partition}\n`),
});
process.on('SIGTERM', async () => {
  await stage.stop();
  await log.stop();
  process.exit(0);
});
// Ends with the test that started it, whatever becomes of that.
process.stdin.on('end', () => process.exit(1)).resume();
process.stdout.write('running\n');
