import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger, Lifecycle, readConfig, ScriptedClock } from '#libs/runtime';
import { streamConfig } from './stream.config.js';
import { StreamRetention } from './stream-retention.js';
import { entry, kept, startOfTime, until } from './testing/contract-scene.js';
import { openTestStream } from './testing/open-test-stream.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

describe('StreamRetention', () => {
  it('trims every stream once a minute, until it is stopped', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await openTestStream({ clock });
    stops.push(() => stream.stop());
    const logger = createLogger('test', 'silent');
    const config = readConfig(streamConfig, { STREAM_RETENTION_HOURS: '1' });
    const retention = new StreamRetention(stream.log, config, clock, logger, new Lifecycle(logger));
    await stream.log.append([entry('old'), entry('old', { stream: 'readings', lane: 'urgent' })]);
    await clock.advance(2 * 3_600_000);
    await retention.start();
    await stream.log.append([entry('new')]);
    expect(await kept(stream.log)).toEqual(['old', 'new']);
    await clock.advance(60_000);
    await until(async () => (await kept(stream.log)).length === 1);
    await until(async () => (await kept(stream.log, { stream: 'readings', lane: 'urgent' })).length === 0);
    await retention.stop();
    await clock.advance(2 * 3_600_000);
    expect(await kept(stream.log)).toEqual(['new']);
  });
});
