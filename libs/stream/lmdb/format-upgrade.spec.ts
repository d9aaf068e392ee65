import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Lane, streams } from '#libs/contracts';
import { everything, sourceOf } from '../testing/contract-scene.js';
import { writeAsFirstFormat } from '../testing/first-format.js';
import { testOptions } from '../testing/open-test-stream.js';
import { openRoot, openTables } from './environment.js';
import { FormatUpgrade } from './format-upgrade.js';
import { LmdbStreamLog } from './lmdb-stream-log.js';
import { protect, unprotect } from './stored-value.js';

/** An entry of so many messages, as the contracts encode groups: version, rows. */
const entryOf = (messages: number, bytes = 40) =>
  Buffer.concat([Buffer.from([0x92, 1, 0xdc, messages >> 8, messages & 255]), Buffer.alloc(bytes, messages)]);
const append = (stream: string, messages: number, lane: Lane = 'bulk', partition = 0) => ({
  stream,
  lane,
  partition,
  data: entryOf(messages),
});
const raw = sourceOf({ stream: streams.raw, group: 'normaliser' });
const readings = sourceOf({ stream: streams.readings, group: 'readings' });

let dir: string;
const logs: LmdbStreamLog[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'citysense-upgrade-'));
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.stop();
  await rm(dir, { recursive: true, force: true });
});

async function open(): Promise<LmdbStreamLog> {
  const log = new LmdbStreamLog(testOptions(dir));
  logs.push(log);
  await log.start();
  return log;
}

/** A stream of format 1: 10 entries of raw, 7 worked through, of which 5 are stored; the oldest of raw are trimmed. */
async function written(): Promise<void> {
  const log = await open();
  await log.registerGroup(streams.raw, 'normaliser');
  await log.registerGroup(streams.readings, 'readings');
  for (let messages = 1; messages <= 10; messages++) await log.append([append(streams.raw, messages)]);
  await log.append([append(streams.raw, 3, 'urgent', 2), append('transitions', 300, 'bulk', 3)]);
  for (let upTo = 1; upTo <= 7; upTo++) {
    const state = [{ key: `seen ${upTo}`, value: Buffer.from('yes') }];
    await log.commit({ source: raw, upTo, append: [append(streams.readings, upTo)], state });
  }
  await log.commit({ source: readings, upTo: 5, append: [], state: [] });
  // The newest eight of raw: three acknowledged ones go.
  await log.trim([{ stream: streams.raw, maxAgeMs: 1e13, maxBytes: 8 * (20 + 45) }]);
  await log.stop();
  await writeAsFirstFormat(dir);
}

const entriesOf = async (log: LmdbStreamLog, source = raw) =>
  (await log.read(source, { ...everything, after: 0 })).map(({ position, messagesBefore, data }) => ({
    position,
    messagesBefore,
    is: Buffer.from(data).equals(entryOf(position)),
  }));
const countsOf = async (log: LmdbStreamLog, stream: string) =>
  (await log.lag()).find((lag) => lag.stream === stream && lag.lane === 'bulk' && lag.partition === 0);

async function expectUpgraded(log: LmdbStreamLog): Promise<void> {
  const found = await entriesOf(log);
  const first = found[0]?.position ?? 0;
  expect(first).toBeGreaterThan(1);
  expect(found.at(-1)?.position).toBe(10);
  let before = (first * (first - 1)) / 2;
  for (const { position, messagesBefore, is } of found) {
    expect([is, messagesBefore]).toEqual([true, before]);
    before += position;
  }
  expect((await entriesOf(log, readings)).map(({ messagesBefore }) => messagesBefore)).toEqual([
    0, 1, 3, 6, 10, 15, 21,
  ]);
  expect(await countsOf(log, streams.raw)).toMatchObject({
    acknowledged: 7,
    last: 10,
    messages: { appended: 55, entered: 55, acknowledged: 28, givenUp: 0 },
  });
  expect(await countsOf(log, streams.readings)).toMatchObject({
    acknowledged: 5,
    messages: { appended: 28, entered: 0, acknowledged: 15, givenUp: 0 },
  });
  expect(Buffer.from((await log.readState('normaliser', 0, ['seen 7']))[0] ?? []).toString()).toBe('yes');
  const [urgent] = await log.read(sourceOf({ lane: 'urgent', partition: 2 }), everything);
  expect(urgent).toMatchObject({ position: 1, messagesBefore: 0 });
}

describe('a stream of the first release', () => {
  it('is brought to the format of today, and goes on', async () => {
    await written();
    const log = await open();
    await expectUpgraded(log);
    await log.append([append(streams.raw, 11)]);
    expect((await entriesOf(log)).at(-1)).toEqual({ position: 11, messagesBefore: 55, is: true });
    await log.commit({ source: raw, upTo: 8, append: [append(streams.readings, 8)], state: [] });
    expect((await countsOf(log, streams.readings))?.messages).toMatchObject({ appended: 36, entered: 0 });
    // Sizes add up: what is not owed goes, and nothing else.
    await log.trim([{ stream: streams.raw, maxAgeMs: 1e13, maxBytes: 4 * (20 + 45) }]);
    expect((await entriesOf(log)).map(({ position }) => position)).toEqual([9, 10, 11]);
    expect(JSON.parse(readFileSync(join(dir, 'format.json'), 'utf8'))).toEqual({ format: 2, partitions: 4 });
    await log.stop();
    expect(await entriesOf(await open())).toHaveLength(3);
  });

  it('goes on where it was ended in the midst, wherever that was', async () => {
    for (let ended = 0; ended < 30; ended++) {
      await rm(dir, { recursive: true, force: true });
      await written();
      if (!(await upgradeUntil(ended))) {
        expect(ended).toBeGreaterThan(8);
        return;
      }
      const log = await open();
      await expectUpgraded(log);
      await log.stop();
    }
    throw new Error('the upgrade never came to its end');
  }, 60_000);

  it('with a damaged entry is refused, and left as it was', async () => {
    await written();
    const root = openRoot(dir);
    const { entries, format } = openTables(root);
    const [oldest] = [...entries.getRange({ limit: 1 })];
    const damaged = Buffer.from(oldest?.value ?? '');
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    await entries.put(oldest?.key ?? Buffer.alloc(0), damaged);
    await expect(open()).rejects.toThrow(/is damaged: its checksum does not fit/);
    const record = unprotect(format.get(Buffer.from('format')) ?? Buffer.alloc(0), () => 'format');
    expect(JSON.parse(record.toString())).toMatchObject({ format: 1 });
    await root.close();
  });
});

/** Runs the upgrade with small batches until its transaction number `ended`, which fails; true where it did. */
async function upgradeUntil(ended: number): Promise<boolean> {
  const root = openRoot(dir);
  const tables = openTables(root);
  let transactions = 0;
  const keep = (done: Buffer | undefined) => {
    const record = { format: 2, partitions: 4, upgradedUpTo: done?.toString('hex') };
    void tables.format.put(Buffer.from('format'), protect(Buffer.from(JSON.stringify(record))));
  };
  const transact = async (work: () => void) => {
    if (transactions++ === ended) throw new Error('ended here');
    await root.childTransaction(work);
  };
  try {
    await new FormatUpgrade(tables, 4, transact, keep, 2).run(Buffer.alloc(0));
    return false;
  } catch (error) {
    expect((error as Error).message).toBe('ended here');
    return true;
  } finally {
    await root.close();
  }
}
