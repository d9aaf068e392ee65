import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  encodeNormalisedMessages,
  encodeRawMessages,
  encodeTransitions,
  messageIdOf,
  type NormalisedMessage,
  parseMessageId,
  type RawMessage,
  streams,
  type Transition,
} from '#libs/contracts';
import { ScriptedClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import type { StreamLog } from '#libs/stream';
import { openTestStream, testRedisLog } from '#libs/stream/testing';
import { MessageSearch } from './message-search.js';
import { Standings } from './standings.js';
import type { MessagePlace } from './trace-facts.js';

const start = Date.UTC(2026, 2, 10, 4);
const place = { lane: 'urgent' as const, partition: 2 };
const id = (position: number, index = 0) => messageIdOf(place.lane, place.partition, position, index);
const placeOf = (messageId: string) => parseMessageId(messageId) as MessagePlace;

const rawMessage = (name: string): RawMessage => ({
  kind: 'telemetry',
  tenantKey: 't',
  deviceKey: 'd',
  productKey: 'p',
  receivedAt: start,
  name,
  payload: Buffer.from(name),
});
const normalisedMessage = (messageId: string): NormalisedMessage => ({
  messageId,
  tenantKey: 't',
  deviceKey: 'd',
  productKey: 'p',
  productVersion: 1,
  receivedAt: start,
  outcome: 'decoded',
  reason: '',
  decoder: 'json@1',
  frame: Buffer.from(messageId),
  reports: [],
});
const transition = (messageId: string): Transition => ({
  id: messageId,
  kind: 'raised',
  tenantKey: 't',
  ruleKey: 'r',
  ruleRevision: 1,
  deviceKey: 'd',
  subject: 'd',
  severity: 'critical',
  observedAt: start,
  judgedAt: start,
  messageId,
  evidence: {},
});

interface Opened {
  log: StreamLog;
  stop(): Promise<void>;
}

function describeSearch(open: (clock: ScriptedClock) => Promise<Opened>): void {
  let clock: ScriptedClock;
  let opened: Opened;
  let search: MessageSearch;

  beforeEach(async () => {
    clock = new ScriptedClock(start);
    opened = await open(clock);
    for (const [stream, group] of [
      ['raw', 'normaliser'],
      ['readings', 'readings'],
      ['transitions', 'alerts'],
    ] as const) {
      await opened.log.registerGroup(stream, group);
    }
    search = new MessageSearch(opened.log);
  });
  afterEach(() => opened.stop());

  const append = (stream: string, ...entries: Buffer[]) =>
    opened.log.append(entries.map((data) => ({ stream, ...place, data })));
  const lag = async (stream: string, group: string) =>
    new Standings(await opened.log.lag()).lag(stream, group, place.lane, place.partition);
  const find = async (messageId: string) =>
    search.normalised(messageId, placeOf(messageId), await lag('readings', 'readings'));

  it('finds a raw message, and tells what is gone from what never was', async () => {
    await append('raw', encodeRawMessages([rawMessage('a'), rawMessage('b')]), Buffer.from('damaged'));
    expect(await search.raw(placeOf(id(1, 1)))).toMatchObject({ message: { name: 'b' }, bytes: 1, appendedAt: start });
    expect(await search.raw(placeOf(id(1, 2)))).toBe('none');
    expect(await search.raw(placeOf(id(2, 0)))).toBe('none');
    expect(await search.raw(placeOf(id(3, 0)))).toBe('gone');
    expect(search.has(placeOf('u.3.1.0'))).toBe(true);
    expect(search.has(placeOf('u.4.1.0'))).toBe(false);
  });

  it('finds every message among entries of all sizes, and none that is not there', async () => {
    const ids: string[] = [];
    const entries: Buffer[] = [];
    for (let position = 2; position <= 120; position += 2) {
      const own = Array.from({ length: 1 + (position % 5) }, (_, index) => id(position, index));
      ids.push(...own);
      entries.push(encodeNormalisedMessages(own.map(normalisedMessage)));
    }
    await append('readings', ...entries);
    for (const messageId of ids) {
      const found = await find(messageId);
      expect([messageId, found?.message.messageId]).toEqual([messageId, messageId]);
      expect(found?.position).toBe(placeOf(messageId).position / 2);
    }
    for (const missing of [id(1), id(3), id(120, 7), id(121)]) expect(await find(missing)).toBeUndefined();
  });

  it('finds what stands behind messages that were put back, and those themselves', async () => {
    const entry = (...positions: number[]) =>
      encodeNormalisedMessages(positions.map((one) => normalisedMessage(id(one))));
    await append('readings', entry(1), entry(2), entry(3), entry(4), entry(2), entry(1), entry(5), entry(6));
    // What `append` brings, and no stage, counts as put back: here that is all, so the span is at its widest.
    for (const [position, at] of [
      [3, 3],
      [4, 4],
      [5, 7],
      [6, 8],
    ] as const) {
      expect(await find(id(position))).toMatchObject({ position: at });
    }
    expect((await find(id(2)))?.message.messageId).toBe(id(2));
  });

  it('finds what is left after trimming', async () => {
    for (let position = 1; position <= 40; position += 1) {
      await append('readings', encodeNormalisedMessages([normalisedMessage(id(position))]));
      await clock.advance(1_000);
    }
    const source = { stream: streams.readings, group: 'readings', ...place };
    await opened.log.commit({ source, upTo: 40, append: [], state: [] });
    await opened.log.trim([{ stream: 'readings', maxAgeMs: 20_500, maxBytes: Number.MAX_SAFE_INTEGER }]);
    expect(await find(id(5))).toBeUndefined();
    expect(await find(id(40))).toMatchObject({ position: 40 });
    expect(await find(id(30))).toMatchObject({ position: 30 });
  });

  it('finds the verdicts of a message, from the time it was normalised', async () => {
    for (let position = 1; position <= 30; position += 1) {
      await append('transitions', encodeTransitions([transition(id(position)), transition('')]));
      await clock.advance(60_000);
    }
    await append('transitions', encodeTransitions([transition(id(31)), transition(id(31)), transition('b.1.4.0')]));
    const behind = await lag('transitions', 'alerts');
    const verdicts = (position: number, since: number) =>
      search.transitions(id(position), placeOf(id(position)), behind, since);
    expect(await verdicts(31, clock.now())).toHaveLength(2);
    expect(await verdicts(12, start + 11 * 60_000)).toMatchObject([{ id: id(12) }]);
    expect(await verdicts(12, start + 14 * 60_000)).toEqual([]);
    expect(await verdicts(99, start)).toEqual([]);
  });
}

describe('the search for a message on LMDB', () => {
  describeSearch((clock) => openTestStream({ clock }));
});

const offer = serverOffer('redis');

(offer.available ? describe : describe.skip)(`the search for a message on ${offer.title}`, () => {
  let redis: TestServer;
  beforeAll(async () => {
    redis = await startServer('redis');
  }, 60_000);
  afterAll(() => redis?.stop());

  describeSearch(async (clock) => {
    const log = await testRedisLog(redis.url, { clock });
    await log.start();
    return { log, stop: () => log.stop() };
  });
});
