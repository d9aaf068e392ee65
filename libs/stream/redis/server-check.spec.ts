import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger, type Logger } from '#libs/runtime';
import { ownServerOffer, startServer } from '#libs/runtime/testing';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { warningsOf } from './server-check.js';

const offer = ownServerOffer('redis');
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** What a log says at its start on a server with these settings. */
async function warningsOn(settings: readonly string[]): Promise<string[]> {
  const server = await startServer('redis', ['maxmemory 1gb', ...settings]);
  stops.push(() => server.stop());
  const warnings: string[] = [];
  const logger = Object.assign(Object.create(createLogger('test', 'silent')) as Logger, {
    warn: (...said: unknown[]) => void warnings.push(String(said.at(-1))),
  });
  const log = await testRedisLog(server.url, { logger });
  await log.start();
  stops.push(() => log.stop());
  return warnings;
}

(offer.available ? describe : describe.skip)(`the start on ${offer.title}`, () => {
  it('is silent where all is set as it should be', async () => {
    expect(await warningsOn([])).toEqual([]);
  });

  it('names what is lost without an append-only file, and with an eviction policy', async () => {
    const warnings = await warningsOn(['appendonly no', 'maxmemory-policy allkeys-lru']);
    expect(warnings).toEqual([
      expect.stringMatching(/appendonly is no: a restart of Redis loses acknowledged messages/),
      expect.stringMatching(/maxmemory-policy is allkeys-lru/),
    ]);
  });

  it('says what bounds it where nothing does', async () => {
    expect(await warningsOn(['maxmemory 0'])).toEqual([
      expect.stringMatching(/maxmemory is 0: nothing but the machine/),
    ]);
  });

  it('names what is lost with an fsync a second', async () => {
    const warnings = await warningsOn(['appendfsync everysec']);
    expect(warnings).toEqual([expect.stringMatching(/appendfsync is everysec: a power failure loses up to a second/)]);
  });

  it('says what could not be checked where CONFIG is forbidden', async () => {
    const warnings = await warningsOn(['rename-command CONFIG ""']);
    expect(warnings).toEqual([
      expect.stringMatching(/CONFIG is not permitted here, so appendfsync could not be checked/),
    ]);
  });
});

describe('warnings', () => {
  const good = {
    appendOnly: true,
    replicas: 0,
    appendFsync: 'always',
    policy: 'noeviction',
    minReplicas: '0',
    maxMemoryBytes: 2 ** 30,
    readable: true,
  };
  const cases: [string, Partial<typeof good>, RegExp[]][] = [
    ['nothing', {}, []],
    ['appendfsync no', { appendFsync: 'no' }, [/half a minute/]],
    ['replicas that nobody waits for', { replicas: 2 }, [/^2 replicas follow asynchronously/]],
    ['replicas that writes depend on', { replicas: 2, minReplicas: '1' }, []],
  ];
  for (const [name, changes, expected] of cases) {
    it(`for ${name}`, () => {
      expect(warningsOf({ ...good, ...changes })).toEqual(expected.map((one) => expect.stringMatching(one)));
    });
  }
});
