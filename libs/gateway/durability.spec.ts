import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream } from '#libs/stream/testing';
import { publishPacket, RawDevice, storedMessages } from './testing/index.js';

const connections = 20;
const window = 20;
const cycles = 3;
const partitions = '4';

let registry: TestRegistry;
let seeded: Seeded;
let dataDir: string;

beforeAll(async () => {
  registry = await openTestRegistry();
  seeded = await seedDevices(registry.database, { count: connections, prefix: 'kill-' });
  dataDir = await mkdtemp(join(tmpdir(), 'citysense-durability-'));
}, 60_000);

afterAll(async () => {
  await registry?.stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

async function startGateway(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(new URL('./testing/gateway.child.js', import.meta.url), {
    execArgv: [],
    env: {
      PATH: process.env.PATH,
      DATA_DIR: dataDir,
      REGISTRY_KIND: 'postgresql',
      REGISTRY_URL: registry.url,
      STREAM_PARTITIONS: partitions,
      GATEWAY_HOST: '127.0.0.1',
      MQTT_PORT: '0',
      INGEST_PORT: '0',
      LOG_LEVEL: 'error',
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (told) => resolve(told as number));
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} before it listened`)));
  });
  return { child, port };
}

/** Publishes in a closed loop until the connection breaks; resolves with the highest acknowledged sequence. */
async function publishUntilBroken(raw: RawDevice, device: Seeded['devices'][number], start: number): Promise<number> {
  const packetOf = (n: number) => publishPacket(`devices/${device.id}/telemetry`, `{"seq":${n}}`, 1, (n % 65_535) + 1);
  let sent = start;
  let acknowledged = start;
  raw.send(...Array.from({ length: window }, () => packetOf(++sent)));
  try {
    for (;;) {
      const acknowledgement = await raw.read(4);
      acknowledged++;
      expect(acknowledgement.readUInt16BE(2)).toBe((acknowledged % 65_535) + 1);
      raw.send(packetOf(++sent));
    }
  } catch (error) {
    if (!(error as Error).message.startsWith('closed')) throw error;
    return acknowledged;
  }
}

describe('a gateway that is killed under load', () => {
  it('has kept everything that it acknowledged, in order', async () => {
    const acknowledged = new Map<string, number[]>(seeded.devices.map((device) => [device.key, []]));
    for (let cycle = 0; cycle < cycles; cycle++) {
      const { child, port } = await startGateway();
      const start = cycle * 1_000_000;
      const raws = await Promise.all(seeded.devices.map((device) => RawDevice.login(port, device)));
      const loads = seeded.devices.map(async (device, index) => {
        const last = await publishUntilBroken(raws[index] as RawDevice, device, start);
        for (let n = start + 1; n <= last; n++) acknowledged.get(device.key)?.push(n);
      });
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 400));
      child.kill('SIGKILL');
      await Promise.all([...loads, once(child, 'exit')]);
    }
    const stream = await openTestStream({ dir: join(dataDir, 'stream'), partitions: Number(partitions) });
    const stored = new Map<string, number[]>(seeded.devices.map((device) => [device.key, []]));
    for (const message of await storedMessages(stream.log)) {
      if (message.kind !== 'telemetry') continue;
      stored.get(message.deviceKey)?.push((JSON.parse(Buffer.from(message.payload).toString()) as { seq: number }).seq);
    }
    await stream.stop();
    let total = 0;
    for (const { key } of seeded.devices) {
      const kept = stored.get(key) ?? [];
      const promised = acknowledged.get(key) ?? [];
      const keptSet = new Set(kept);
      expect(promised.filter((sequence) => !keptSet.has(sequence))).toEqual([]);
      expect(kept).toEqual([...keptSet].sort((a, b) => a - b));
      total += promised.length;
    }
    expect(total).toBeGreaterThan(connections * cycles);
  }, 60_000);
});
