import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeRawMessages, type Lane, type RawMessage, streams } from '#libs/contracts';
import { createLogger, systemClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import type { StreamLog } from '#libs/stream';
import { testRedisLog } from '#libs/stream/testing';
import type { Place } from './raw-entries.js';
import { RawWriter } from './raw-writer.js';
import { eventually } from './testing/index.js';

const offer = serverOffer('redis');
const maxInFlight = 20;
const everything = { after: 0, maxEntries: 100_000, maxBytes: 1_000_000_000 };

function message(deviceKey: string, payload: string | Buffer): RawMessage {
  const bytes = Buffer.from(payload as string);
  return { kind: 'up', tenantKey: 't', deviceKey, productKey: 'p', receivedAt: 1, name: '', payload: bytes };
}

const place = (partition: number, lane: Lane = 'bulk'): Place => ({ lane, partition });

(offer.available ? describe : describe.skip)(`a place that takes nothing, on ${offer.title}`, () => {
  let server: TestServer;
  let log: StreamLog;
  let writer: RawWriter;
  const called: string[] = [];

  beforeAll(async () => {
    server = await startServer('redis');
    log = await testRedisLog(server.url, { maxBacklogBytes: 300_000 });
    await log.start();
    await log.registerGroup(streams.raw, 'normaliser');
    writer = new RawWriter(log, systemClock, createLogger('test', 'silent'), {
      maxInFlight,
      maxInFlightBytes: 10_000_000,
      maxCommitMessages: 1_000,
      onCommit: () => undefined,
      onFailure: () => undefined,
    });
  });
  afterAll(async () => {
    await log?.stop();
    await server?.stop();
  });

  const write = (device: string, text: string, at: Place) =>
    writer.write(message(device, text), at, 1, (error) => called.push(`${device} ${error ?? text}`));

  async function stored(device: string, at: Place): Promise<string[]> {
    const entries = await log.read({ stream: streams.raw, group: 'nobody', ...at }, everything);
    const messages = entries.flatMap(({ data }) => decodeRawMessages(data));
    return messages
      .filter(({ deviceKey }) => deviceKey === device)
      .map(({ payload }) => Buffer.from(payload).toString());
  }

  /** Until the stream has said that the place, and no other, takes no more. */
  async function fill(at: Place): Promise<void> {
    await eventually(() => {
      if (!writer.isFull(at)) writer.write(message('large', Buffer.alloc(50_000)), at, 1, () => undefined);
      return writer.isFull(at) && !writer.isFull(place(3));
    });
  }

  it('holds up neither the urgent lane nor other places, and gets what is parked for it once it takes more', async () => {
    await fill(place(0));
    const parked = Array.from({ length: maxInFlight - 1 }, (_, number) => String(number));
    for (const text of parked) write('meter', text, place(0));
    let mayBringMore = false;
    writer.whenRoom(place(0), () => {
      mayBringMore = true;
    });
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      expect([writer.isFull(place(1)), writer.isFull(place(0, 'urgent'))]).toEqual([false, false]);
      write('fire', text, place(0, 'urgent'));
      write('other', text, place(1));
      await eventually(() => called.includes(`fire ${text}`) && called.includes(`other ${text}`));
    }
    expect(called.filter((call) => call.startsWith('meter'))).toEqual([]);
    expect([writer.isFull(place(0)), mayBringMore, writer.unavailable]).toEqual([true, false, false]);

    const source = { stream: streams.raw, group: 'normaliser', ...place(0) };
    const last = (await log.read(source, everything)).at(-1)?.position;
    await log.commit({ source, upTo: last, append: [], state: [] });
    await eventually(() => mayBringMore && !writer.isFull(place(0)), 15_000);
    write('meter', 'afterwards', place(0));
    await eventually(() => writer.inFlight === 0);
    expect(await stored('meter', place(0))).toEqual([...parked, 'afterwards']);
    expect(called.filter((call) => call.startsWith('meter'))).toEqual(
      [...parked, 'afterwards'].map((text) => `meter ${text}`),
    );
    expect(await stored('fire', place(0, 'urgent'))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(writer.inFlightBytes).toBe(0);
  }, 60_000);

  it('calls back what is parked when it is drained in vain', async () => {
    await fill(place(2));
    write('meter', 'undrained', place(2));
    await writer.drain(100);
    await eventually(() => called.some((call) => call.startsWith('meter StreamUnavailableError')));
    expect(await stored('meter', place(2))).toEqual([]);
  }, 60_000);
});
