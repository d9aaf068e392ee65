import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import mqtt from 'mqtt';
import { decodeNormalisedMessages, lanes, type NormalisedMessage, streams } from '#libs/contracts';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { NormaliserStageModule } from '#libs/normaliser';
import { RegistryDbModule } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { LIFECYCLE, type Lifecycle, RuntimeModule } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { STREAM, type StreamLog, StreamModule, StreamServer } from '#libs/stream';
import { openTestStream } from '#libs/stream/testing';
import { eventually, openTestGateway, storedMessages } from '../testing/index.js';

const offer = serverOffer('mosquitto');
const deviceCount = 20;
const messages = 2_000;
const cycles = 3;
const connections = 8;
const receiveMaximum = 16;
const publishedAtOnce = 16;

let registry: TestRegistry;
let seeded: Seeded;
let server: TestServer;
let dataDir: string;
let environment: Record<string, string>;

beforeAll(async () => {
  if (!offer.available) return;
  [registry, server] = await Promise.all([openTestRegistry(), startServer('mosquitto')]);
  seeded = await seedDevices(registry.database, { count: deviceCount, prefix: 'bridge-kill-' });
  dataDir = await mkdtemp(join(tmpdir(), 'citysense-bridge-'));
  environment = {
    DATA_DIR: dataDir,
    REGISTRY_KIND: 'postgresql',
    REGISTRY_URL: registry.url,
    STREAM_PARTITIONS: '4',
    LOG_LEVEL: 'error',
    GATEWAY_HOST: '127.0.0.1',
    INGEST_PORT: '0',
    GATEWAY_MQTT: 'bridge',
    BRIDGE_URL: server.url,
    BRIDGE_CLIENT_ID: 'killed',
    BRIDGE_CONNECTIONS: String(connections),
    BRIDGE_RECEIVE_MAXIMUM: String(receiveMaximum),
    BRIDGE_LONGEST_BACK_OFF_MS: '500',
  };
}, 60_000);

afterAll(async () => {
  await server?.stop();
  await registry?.stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

async function startGateway(): Promise<ChildProcess> {
  const child = fork(new URL('../testing/gateway.child.js', import.meta.url), {
    execArgv: [],
    env: {
      PATH: process.env.PATH,
      ...environment,
    },
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} before it ran`)));
  });
  return child;
}

/**
 * Publishes every message once, each acknowledged by the cluster, however the gateway fares. No more are on the way
 * than Mosquitto allows a client, and the session outlives a connection: a new one would forget half a QoS 2.
 */
async function publishAll(): Promise<void> {
  const client = await mqtt.connectAsync(server.url, { clientId: 'all-devices', clean: false });
  let next = 0;
  const publishRest = async () => {
    while (next < messages) {
      const n = next++;
      const { id } = seeded.devices[n % deviceCount] as Seeded['devices'][number];
      const report = { time: 1_790_000_000_000 + n * 1_000, seq: n, values: { 'metering.water.total': n } };
      await client.publishAsync(`devices/${id}/telemetry`, JSON.stringify(report), { qos: n % 3 === 0 ? 2 : 1 });
    }
  };
  await Promise.all(Array.from({ length: publishedAtOnce }, publishRest));
  await client.endAsync();
}

async function storedSequences(log: StreamLog): Promise<Set<number>> {
  const stored = (await storedMessages(log)).filter(({ kind }) => kind === 'telemetry');
  return new Set(stored.map(({ payload }) => (JSON.parse(Buffer.from(payload).toString()) as { seq: number }).seq));
}

/** What the normaliser makes of everything in the stream. */
async function normalised(): Promise<NormalisedMessage[]> {
  class Pipeline {}
  const runtime = RuntimeModule.forRoot({ app: 'pipeline', environment });
  Module({ imports: [runtime, StreamModule, RegistryDbModule, NormaliserStageModule] })(Pipeline);
  const app = await NestFactory.create(Pipeline, new FastifyAdapter(), { logger: false, abortOnError: false });
  app.connectMicroservice({ strategy: app.get(StreamServer, { strict: false }) });
  await app.get<Lifecycle>(LIFECYCLE).start();
  await app.startAllMicroservices();
  const log = app.get<StreamLog>(STREAM);
  await eventually(async () => {
    const lag = (await log.lag()).filter(({ group }) => group === 'normaliser');
    return lag.length > 0 && lag.every(({ acknowledged, last }) => acknowledged === last);
  }, 30_000);
  const found: NormalisedMessage[] = [];
  for (const lane of lanes) {
    for (let partition = 0; partition < log.partitions; partition++) {
      const source = { stream: streams.readings, group: 'test', lane, partition };
      for (const entry of await log.read(source, { after: 0, maxEntries: 1_000_000, maxBytes: 1_000_000_000 })) {
        found.push(...decodeNormalisedMessages(Buffer.from(entry.data)));
      }
    }
  }
  await app.get(StreamServer, { strict: false }).close();
  await app.get<Lifecycle>(LIFECYCLE).stop();
  await app.close();
  return found;
}

(offer.available ? describe : describe.skip)(`a bridge to ${offer.title} that is killed under load`, () => {
  it('has acknowledged nothing that it had not kept: each reading is stored, exactly once', async () => {
    let publishing: Promise<void> | undefined;
    for (let cycle = 0; cycle < cycles; cycle++) {
      const child = await startGateway();
      publishing ??= publishAll();
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await publishing;
    const stream = await openTestStream({ dir: join(dataDir, 'stream'), partitions: 4 });
    const gateway = await openTestGateway(stream.log, registry.database, environment);
    await eventually(async () => (await storedSequences(stream.log)).size === messages, 60_000);
    await gateway.stop();
    await stream.log.stop();
    const kept = await normalised();
    const sequences = kept.filter(({ outcome }) => outcome === 'decoded').map(({ reports }) => reports[0]?.seq ?? -1);
    expect(sequences.length).toBe(messages);
    expect(new Set(sequences).size).toBe(messages);
    const duplicates = kept.filter(({ outcome }) => outcome === 'duplicate').length;
    expect(kept.length).toBe(messages + duplicates);
    // At most what was on the way when it was killed.
    expect(duplicates).toBeLessThanOrEqual(connections * receiveMaximum * cycles);
  }, 180_000);
});
