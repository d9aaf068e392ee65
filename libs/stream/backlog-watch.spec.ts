import { afterEach, describe, expect, it } from '@jest/globals';
import { ScriptedClock } from '#libs/runtime';
import { BacklogWatch } from './backlog-watch.js';
import { startOfTime } from './testing/contract-scene.js';
import { openTestStream, type TestStream } from './testing/open-test-stream.js';

let stream: TestStream;

afterEach(() => stream.stop());

const place = { lane: 'bulk', partition: 1 } as const;
const stage = { stream: 'readings', group: 'judge' };

describe('BacklogWatch', () => {
  it('knows what waits on the way to a stage, and asks once a second for all partitions together', async () => {
    const clock = new ScriptedClock(startOfTime);
    stream = await openTestStream({ clock });
    const { log } = stream;
    let questions = 0;
    const counted: typeof log = Object.assign(Object.create(log), {
      lag: () => {
        questions += 1;
        return log.lag();
      },
    });
    await log.registerGroup('raw', 'maker');
    await log.registerGroup('readings', 'judge');
    await log.append([{ ...place, stream: 'raw', data: Buffer.from('a') }]);
    await clock.advance(300);
    await log.append([{ ...place, stream: 'readings', data: Buffer.from('b') }]);
    await clock.advance(50);
    const watch = new BacklogWatch(counted, clock, stage, [{ stream: 'raw', group: 'maker' }]);
    const all = await Promise.all([0, 1, 2, 3].map((partition) => watch.of({ lane: 'bulk', partition })));
    expect(all.map(({ ageMs }) => ageMs)).toEqual([0, 350, 0, 0]);
    expect(questions).toBe(1);
    await log.commit({ source: { ...place, stream: 'raw', group: 'maker' }, upTo: 1, append: [], state: [] });
    expect(await watch.of(place)).toEqual({ ageMs: 350, acknowledged: 0 });
    expect(await watch.ask(place)).toEqual({ ageMs: 50, acknowledged: 0 });
    await log.commit({ source: { ...place, ...stage }, upTo: 1, append: [], state: [] });
    await clock.advance(900);
    expect(await watch.of(place)).toEqual({ ageMs: 0, acknowledged: 1 });
    expect(questions).toBe(3);
  });
});
