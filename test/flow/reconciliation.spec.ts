import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeRawMessages, type RawMessage, streams } from '#libs/contracts';
import { loseEntry, openTestStream } from '#libs/stream/testing';
import { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { type Reconciliation, settledReconciliation } from '../platform/reconciliation.js';

const partitions = 16;
const devices = 8;
const place = { lane: 'bulk' as const, partition: 5 };

interface Discard {
  stage: string;
  reason: string;
  count: number;
}

let platform: PlatformProcess;
let api: ApiClient;
const secrets = new Map<string, string>();
/** What devices were told is kept, by what it was. */
const promised = { good: 0, again: 0, bad: 0 };

beforeAll(async () => {
  platform = await PlatformProcess.create();
  await platform.start();
  api = await ApiClient.logIn(platform);
  for (let number = 1; number <= devices; number += 1) {
    const body = { id: `balanced-${number}`, name: 'meter', productId: 'water-meter' };
    secrets.set(body.id, (await api.call<{ secret: string }>('POST', '/api/v1/devices', body)).secret);
  }
}, 120_000);

afterAll(() => platform?.remove(), 60_000);

const told = () => promised.good + promised.again + promised.bad;
const reconciliation = (query = '') => api.call<Reconciliation>('GET', `/api/v1/reconciliation${query}`);
const settled = () => settledReconciliation(api);

/** Good, repeated and bad messages of one device, one after the other, until the platform is gone. */
async function report(id: string, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  for (let seq = 1; performance.now() < until; seq += 1) {
    const good = JSON.stringify({ time: Date.now() - 60_000, seq, values: { flowRate: seq } });
    for (const [kind, payload] of [
      ['good', good],
      ['again', good],
      ['bad', 'not JSON'],
    ] as const) {
      try {
        const response = await fetch(`${platform.ingestUrl}/devices/${id}/telemetry`, {
          method: 'POST',
          headers: { authorization: `Bearer ${secrets.get(id)}`, 'content-type': 'application/json' },
          body: payload,
          signal: AbortSignal.timeout(5_000),
        });
        if (response.status === 202) promised[kind] += 1;
      } catch {
        return;
      }
    }
  }
}

/** Works on the stream of the stopped platform. */
async function offline<T>(work: (stream: Awaited<ReturnType<typeof openTestStream>>) => Promise<T>): Promise<T> {
  const stream = await openTestStream({ dir: join(platform.dataDir, 'stream'), partitions });
  try {
    return await work(stream);
  } finally {
    await stream.log.stop();
  }
}

/** What normaliser and store refused, by reason, once these are `count` dead letters. */
function refusals(count: number): Promise<Record<string, number>> {
  return eventually(
    async () => {
      const { items } = await api.call<{ items: Discard[] }>('GET', '/api/v1/discards');
      const ofFlow = items.filter(({ stage }) => stage === 'normaliser' || stage === 'readings');
      if (ofFlow.reduce((sum, one) => sum + one.count, 0) < count) return undefined;
      return Object.fromEntries(ofFlow.map((one) => [`${one.stage} ${one.reason}`, one.count]));
    },
    `${count} dead letters`,
    60_000,
  );
}

async function restart(): Promise<void> {
  await platform.start();
  api = await ApiClient.logIn(platform);
}

describe('acknowledged = stored + dead-lettered + in flight', () => {
  it('holds after SIGKILL in the middle of good, bad and repeated messages, with poison in two streams', async () => {
    const sending = [...secrets.keys()].map((id) => report(id, 60));
    await eventually(async () => told() > 100 || undefined, 'a hundred messages kept', 60_000);
    expect((await reconciliation()).difference).toBe(0);
    await platform.kill();
    await Promise.all(sending);
    await offline(({ log }) =>
      log.append(
        [streams.raw, streams.readings].map((stream) => ({
          ...place,
          stream,
          data: Buffer.from('no group of messages'),
        })),
      ),
    );
    await restart();
    const now = await settled();
    const sum = told();
    expect(now.difference).toBe(0);
    expect(now.acknowledged).toBe(now.stored + now.deadLettered);
    // Each device may have had one message kept, and not been told any more.
    expect(now.acknowledged).toBeGreaterThanOrEqual(sum + 2);
    expect(now.acknowledged).toBeLessThanOrEqual(sum + 2 + devices);
    // First, so that a failure says which good message was refused, and why.
    const { rejected } = now.deadLetteredBy;
    expect(await refusals(now.deadLettered)).toEqual({
      'normaliser json_invalid': rejected,
      'normaliser stage_failed': 1,
      'readings stage_failed': 1,
    });
    expect(now.stored).toBeGreaterThanOrEqual(promised.good + promised.again);
    expect(now.deadLetteredBy.rejected).toBeGreaterThanOrEqual(promised.bad);
    expect(now.deadLetteredBy).toMatchObject({ givenUp: 2, unstorable: 0 });
    expect(now.summary.en).toContain(`All ${now.acknowledged} acknowledged messages are accounted for`);
    const metrics = await (await fetch(`${platform.url}/metrics`)).text();
    expect(metrics).toContain(`reconciliation_messages{state="acknowledged"} ${now.acknowledged}\n`);
    expect(metrics).toContain('reconciliation_difference 0\n');
  }, 120_000);

  it('says how many are missing, and where, once messages have really been lost', async () => {
    const before = await reconciliation();
    await platform.kill();
    const lost = await offline(async ({ log, dir }) => {
      const message: RawMessage = {
        kind: 'telemetry',
        tenantKey: 'nobody',
        deviceKey: 'nobody',
        productKey: 'nothing',
        receivedAt: Date.now(),
        name: '',
        payload: Buffer.from('{"values":{"flowRate":1}}'),
      };
      const entry = (count: number) => ({
        ...place,
        stream: streams.raw,
        data: encodeRawMessages(Array.from({ length: count }, () => message)),
      });
      await log.append([entry(3)]);
      const lags = await log.lag();
      const { last = 0 } =
        lags.find((lag) => lag.stream === streams.raw && lag.partition === 5 && lag.lane === 'bulk') ?? {};
      // A stream that has lost one of its newest entries does not open.
      await log.append(Array.from({ length: 10 }, () => entry(1)));
      return { dir, last };
    });
    await loseEntry(lost.dir, { ...place, stream: streams.raw }, lost.last, partitions);
    await restart();
    const now = await settled();
    expect(now).toMatchObject({ acknowledged: before.acknowledged + 13, difference: 3 });
    expect(now.summary.en).toContain('3 vanished before they were normalised');
    const { places } = await reconciliation('?places=different');
    expect(places).toMatchObject([{ ...place, difference: 3, missingFrom: { raw: 3 } }]);
    expect((await reconciliation('?places=all')).places).toHaveLength(partitions * 2);
    expect(await (await fetch(`${platform.url}/metrics`)).text()).toContain('reconciliation_difference 3\n');
  }, 120_000);
});
