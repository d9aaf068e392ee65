import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RawMessage } from '#libs/contracts';
import { createLogger, systemClock } from '#libs/runtime';
import { type Append, StreamFailedError, type StreamLog, StreamUnavailableError } from '#libs/stream';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import type { Place } from './raw-entries.js';
import { RawWriter } from './raw-writer.js';
import { eventually, storedMessages } from './testing/index.js';

let stream: TestStream;
const logger = createLogger('test', 'silent');

beforeAll(async () => {
  stream = await openTestStream();
});
afterAll(() => stream.stop());

/** The real stream, with a say in each append before it happens. */
function watched(before: (entries: readonly Append[]) => Promise<void> | void): StreamLog {
  return Object.assign(Object.create(stream.log) as StreamLog, {
    append: async (entries: readonly Append[]) => {
      await before(entries);
      await stream.log.append(entries);
    },
  });
}

function writerOver(log: StreamLog, limits: { maxInFlight?: number; maxCommitMessages?: number } = {}) {
  const failures: boolean[] = [];
  const writer = new RawWriter(log, systemClock, logger, {
    maxInFlight: limits.maxInFlight ?? 1_000,
    maxInFlightBytes: 10_000_000,
    maxCommitMessages: limits.maxCommitMessages ?? 1_000,
    onCommit: () => undefined,
    onFailure: (_error, retryable) => failures.push(retryable),
  });
  return { writer, failures };
}

function message(deviceKey: string, payload: string | Buffer): RawMessage {
  const bytes = Buffer.from(payload as string);
  return { kind: 'up', tenantKey: 't', deviceKey, productKey: 'p', receivedAt: 1, name: '', payload: bytes };
}

const place = (partition: number, lane: Place['lane'] = 'bulk'): Place => ({ lane, partition });

async function storedPayloads(deviceKey: string): Promise<string[]> {
  const messages = await storedMessages(stream.log);
  return messages.filter((m) => m.deviceKey === deviceKey).map((m) => Buffer.from(m.payload).toString());
}

describe('the raw writer', () => {
  it('groups what gathers while a commit is under way, and calls back in order', async () => {
    const appends: number[] = [];
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { writer } = writerOver(
      watched((entries) => {
        appends.push(entries.length);
        return appends.length === 1 ? opened : undefined;
      }),
    );
    const order: number[] = [];
    const write = (n: number) =>
      writer.write(message('grouped', `${n}`), place(n % 4, n % 8 < 4 ? 'bulk' : 'urgent'), 1, () => order.push(n));
    write(0);
    await eventually(() => appends.length === 1);
    for (let n = 1; n < 600; n++) write(n);
    expect(order).toEqual([]);
    open();
    await eventually(() => order.length === 600);
    expect(order).toEqual(Array.from({ length: 600 }, (_, n) => n));
    expect(appends).toEqual([1, 8]);
    expect(await storedPayloads('grouped')).toHaveLength(600);
    expect(writer.inFlight).toBe(0);
    expect(writer.inFlightBytes).toBe(0);
  });

  it('cuts large groups into several entries', async () => {
    const appends: number[] = [];
    const { writer } = writerOver(watched((entries) => void appends.push(entries.length)));
    let called = 0;
    for (let n = 0; n < 600; n++) writer.write(message('many', `${n}`), place(0), 1, () => called++);
    await eventually(() => called === 600);
    for (let n = 0; n < 5; n++) writer.write(message('large', Buffer.alloc(400_000)), place(0), 1, () => called++);
    await eventually(() => called === 605);
    expect(appends).toEqual([2, 3]);
  });

  it('keeps trying while the stream says that it may come back, and acknowledges nothing meanwhile', async () => {
    let full = true;
    const { writer, failures } = writerOver(
      watched(() => {
        if (full) throw new StreamUnavailableError('disk full');
      }),
      { maxInFlight: 2 },
    );
    const called: (Error | null | undefined)[] = [];
    for (const text of ['a', 'b', 'c']) writer.write(message('retried', text), place(1), 1, (e) => called.push(e));
    await eventually(() => failures.length >= 3);
    expect(called).toEqual([]);
    expect(writer.unavailable).toBe(true);
    expect([writer.isFull(place(1)), writer.isFull(place(1, 'urgent'))]).toEqual([true, false]);
    let room = false;
    writer.whenRoom(place(1), () => {
      room = true;
    });
    full = false;
    await eventually(() => called.length === 3);
    expect(called).toEqual([null, null, null]);
    expect(room).toBe(true);
    expect(writer.unavailable).toBe(false);
    expect(await storedPayloads('retried')).toEqual(['a', 'b', 'c']);
  });

  it('acknowledges nothing more once the stream is lost', async () => {
    const lost = new StreamFailedError('fsync failed');
    const { writer, failures } = writerOver(
      watched(() => {
        throw lost;
      }),
    );
    const called: (Error | null | undefined)[] = [];
    for (const text of ['a', 'b']) writer.write(message('lost', text), place(1), 1, (e) => called.push(e));
    await eventually(() => called.length === 2);
    writer.write(message('lost', 'c'), place(1), 1, (e) => called.push(e));
    expect(called).toEqual([lost, lost, lost]);
    expect(failures).toEqual([false]);
    expect(writer.failed).toBe(lost);
  });

  it('drains: what was handed over is called back', async () => {
    const { writer } = writerOver(stream.log, { maxCommitMessages: 10 });
    let called = 0;
    for (let n = 0; n < 95; n++) writer.write(message('drained', `${n}`), place(2), 1, () => called++);
    await writer.drain(5_000);
    expect(called).toBe(95);
    expect(await storedPayloads('drained')).toHaveLength(95);
  });

  it('gives up draining into a stream that stays away: nothing is acknowledged', async () => {
    const { writer } = writerOver(
      watched(() => {
        throw new StreamUnavailableError('disk full');
      }),
    );
    const called: (Error | null | undefined)[] = [];
    writer.write(message('undrained', 'a'), place(2), 1, (error) => called.push(error));
    await writer.drain(100);
    await eventually(() => called.length === 1);
    expect(called[0]).toBeInstanceOf(StreamUnavailableError);
  });
});
