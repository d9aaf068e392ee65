import { afterEach, describe, expect, it } from '@jest/globals';
import { StreamFencedError } from '../stream.errors.js';
import type { Member, Source, StreamLog } from '../stream.port.js';
import { entry, kept, owed, sourceOf, textsOf, until } from '../testing/contract-scene.js';
import { openTestStream } from '../testing/open-test-stream.js';
import { runStage, type StageUnderTest } from '../testing/run-stage.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A stage over a real log, whose partitions the test hands out. */
async function run(stage: Pick<StageUnderTest, 'handle'> & Partial<StageUnderTest>, changes: Partial<StreamLog> = {}) {
  const stream = await openTestStream();
  stops.push(() => stream.stop());
  const seen: string[] = [];
  const resets: Source[] = [];
  let member: Member | undefined;
  let left = false;
  const log = Object.assign(Object.create(stream.log) as StreamLog, {
    join: async (_stream: string, _group: string, joined: Member) => {
      member = joined;
      return {
        leave: async () => {
          left = true;
        },
      };
    },
    ...changes,
  });
  const running = await runStage(log, {
    pattern: 'raw/stage',
    reset: (source) => void resets.push(source),
    ...stage,
    handle: (batch) => {
      seen.push(...textsOf(batch.entries));
      return stage.handle(batch);
    },
  });
  stops.push(() => running.stop());
  const append = (text: string, partition: number) => stream.log.append([entry(text, { partition })]);
  return { log: stream.log, seen, resets, running, append, member: member as unknown as Member, left: () => left };
}

/** A handler that stays in its calls until it is let go; its output is the text it was given, in `readings`. */
function held() {
  const waiting: (() => void)[] = [];
  const handle: StageUnderTest['handle'] = async ({ source: { partition }, entries }) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { append: textsOf(entries).map((text) => entry(text, { stream: 'readings', partition })) };
  };
  return { handle, calls: () => waiting.length, release: () => waiting.at(-1)?.() };
}

const both = (partition: number) => [sourceOf({ lane: 'urgent', partition }), sourceOf({ lane: 'bulk', partition })];

describe('a stage that shares its group', () => {
  it('works on the partitions it was granted, and on no other', async () => {
    const ticked = new Set<number>();
    const { append, member, seen, log } = await run({
      tickMs: 10,
      handle: async ({ source, entries }) => {
        if (entries.length === 0) ticked.add(source.partition);
        return undefined;
      },
    });
    await append('mine', 1);
    await append('not mine', 2);
    member.granted(1);
    await until(async () => (await owed(log, sourceOf({ partition: 1 }))).length === 0 && ticked.size > 0);
    await append('mine too', 1);
    await until(async () => (await owed(log, sourceOf({ partition: 1 }))).length === 0);
    expect(seen).toEqual(['mine', 'mine too']);
    expect([...ticked]).toEqual([1]);
    expect(await owed(log, sourceOf({ partition: 2 }))).toEqual(['not mine']);
  });

  it('commits the batch under way before a partition goes, forgets it, and begins no other', async () => {
    const { handle, calls, release } = held();
    const { append, member, seen, resets, log } = await run({ handle });
    member.granted(0);
    await append('under way', 0);
    await until(() => calls() === 1);
    await append('next', 0);
    const revoked = member.revoked(0);
    let gone = false;
    void revoked.then(() => {
      gone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gone).toBe(false);
    expect(resets).toEqual([]);
    release();
    await revoked;
    expect(await kept(log, { stream: 'readings' })).toEqual(['under way']);
    expect(await owed(log, sourceOf())).toEqual(['next']);
    expect(resets).toEqual(both(0));
    expect(seen).toEqual(['under way']);
  });

  it('commits nothing of a partition it has lost, forgets it, and starts anew only when its handler is back', async () => {
    const { handle, calls, release } = held();
    const { append, member, seen, resets, log } = await run({ handle });
    member.granted(3);
    await append('a', 3);
    await until(() => calls() === 1);
    member.lost(3);
    member.granted(3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toEqual(['a']);
    expect(resets).toEqual([]);
    release();
    await until(() => calls() === 2);
    expect(resets).toEqual(both(3));
    expect(seen).toEqual(['a', 'a']);
    expect(await kept(log, { stream: 'readings', partition: 3 })).toEqual([]);
    release();
    await until(async () => (await kept(log, { stream: 'readings', partition: 3 })).length > 0);
    expect(await kept(log, { stream: 'readings', partition: 3 })).toEqual(['a']);
  });

  it('stops where a commit is refused because of another owner: no second attempt, no dead letter', async () => {
    let commits = 0;
    const { append, member, seen, log } = await run(
      { handle: async () => undefined },
      {
        commit: async () => {
          commits++;
          throw new StreamFencedError('owned by another');
        },
      },
    );
    member.granted(0);
    await append('a', 0);
    await until(() => commits === 1);
    await append('b', 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(commits).toBe(1);
    expect(seen).toEqual(['a']);
    expect(await kept(log, { stream: 'dead-letters' })).toEqual([]);
  });

  it('leaves its group when it drains, after its last commit', async () => {
    const { handle, calls, release } = held();
    const { append, member, running, log, left } = await run({ handle });
    member.granted(0);
    await append('a', 0);
    await until(() => calls() === 1);
    const stopping = running.stop();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(left()).toBe(false);
    release();
    await stopping;
    expect(left()).toBe(true);
    expect(await owed(log, sourceOf())).toEqual([]);
  });
});
