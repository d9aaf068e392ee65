import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { v7 } from 'uuid';
import { tenants, webhookDeliveries } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { ScriptedClock } from '#libs/runtime';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { answer, notificationOf, startReceiver, TestNotifier } from './testing/index.js';

let registry: TestRegistry;
let stream: TestStream;
let dataDir: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  registry = await openTestRegistry();
  stream = await openTestStream();
  dataDir = await mkdtemp(join(tmpdir(), 'citysense-notifier-'));
}, 60_000);

afterAll(async () => {
  child?.kill('SIGKILL');
  await stream.stop();
  await registry.stop();
  await rm(dataDir, { recursive: true, force: true });
  await rm(`${dataDir}.key`, { force: true });
});

describe('a notifier killed between the 200 and its commit', () => {
  it('delivers again under the same id, in order, and loses nothing', async () => {
    const receiver = await startReceiver();
    const tenantKey = v7();
    await registry.database.insert(tenants).values({ key: tenantKey, id: tenantKey, name: 'test' });
    const clock = new ScriptedClock(Date.now());
    const notifier = new TestNotifier({ database: registry.database, stream: stream.log, clock, dataDir });
    const { key } = await notifier.addEndpoint(tenantKey, receiver.url);
    const alertKey = v7();
    await notifier.notify(...['raised', 'cleared'].map((kind) => notificationOf(tenantKey, alertKey, { kind })));

    const running = spawn(process.execPath, [fileURLToPath(new URL('./testing/notifier.child.js', import.meta.url))], {
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        LOG_LEVEL: 'silent',
        REGISTRY_KIND: 'postgresql',
        REGISTRY_URL: registry.url,
        NOTIFIER_ALLOW_LOOPBACK: 'true',
      },
      stdio: 'inherit',
    });
    child = running;
    const gone = once(running, 'exit');
    // It dies when the customer has everything and answers: its commit never comes.
    receiver.behave((received, response, request) => {
      running.kill('SIGKILL');
      answer(200)(received, response, request);
    });
    await receiver.got(1);
    await gone;

    receiver.behave(answer(200));
    await clock.advance(120_000);
    await notifier.engine.settle();
    const rows = await registry.database.select().from(webhookDeliveries).where(eq(webhookDeliveries.endpointKey, key));
    expect(rows.map(({ status }) => status)).toEqual(['delivered', 'delivered']);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(receiver.received.map(({ event }) => event.type.split('.').at(-1))).toEqual(['raised', 'raised', 'cleared']);
    expect(ids[1]).toBe(ids[0]);
    await notifier.stop();
    await receiver.stop();
  }, 60_000);
});
