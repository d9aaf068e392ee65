import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import type { LoadDevice } from '../../devices-sim/load/mqtt-load.js';
import { ApiClient } from '../platform/api-client.js';
import { type BenchEngines, type BenchedPlatform, openBenchedPlatform } from './benched-platform.js';
import { registerDevices } from './bystanders.js';
import { residentBytes, round } from './statistics.js';

const connectsAtATime = 256;
/** Within this, V8 and DuckDB have given back what they no longer need; what is garbage and what is kept, they tell late. */
const restMs = 150_000;

/**
 * On a platform of its own: connects many devices that then say nothing. Memory per connection, of all that holds them or
 * knows of them, at rest before and after; and how long until the last was in.
 */
export async function measureIdle({
  engines,
  idleConnections,
  say,
}: {
  engines: BenchEngines;
  idleConnections: number;
  say: (text: string) => void;
}): Promise<Record<string, number>> {
  const platform = await openBenchedPlatform(engines);
  try {
    await platform.start();
    say(`registering ${idleConnections} idle devices on a platform of their own`);
    const api = await ApiClient.logIn(platform);
    const devices = await registerDevices(api, 'idle', idleConnections, 'water-meter');
    say(`waiting ${restMs / 1_000} s for its memory to come to rest, and as long again once they are connected`);
    const before = await restingBytes(platform);
    say(`connecting ${idleConnections} idle devices`);
    const started = performance.now();
    const sockets = await connectAll(platform.mqttPort, devices);
    const connectSeconds = (performance.now() - started) / 1000;
    const after = await restingBytes(platform);
    const alive = sockets.filter((socket) => !socket.destroyed).length;
    for (const socket of sockets) socket.destroy();
    return {
      idleConnected: alive,
      idleConnectSeconds: round(connectSeconds),
      idleKiBPerConnection: round((after - before) / 1024 / Math.max(1, alive)),
    };
  } finally {
    await platform.remove();
  }
}

/** The least resident bytes that are seen while nothing happens. */
async function restingBytes(platform: BenchedPlatform): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (const until = performance.now() + restMs; performance.now() < until; ) {
    await pause(1_000);
    least = Math.min(least, residentBytes(platform.pids[0] ?? 0));
  }
  return least;
}

async function connectAll(port: number, devices: readonly LoadDevice[]): Promise<Socket[]> {
  const queue = [...devices];
  const sockets: Socket[] = [];
  const work = async () => {
    for (let device = queue.pop(); device; device = queue.pop()) {
      const socket = await connectOne(port, device);
      if (socket) sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: connectsAtATime }, work));
  return sockets;
}

function connectOne(port: number, device: LoadDevice): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        generate({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 4,
          clientId: device.id,
          username: device.id,
          password: Buffer.from(device.secret),
          clean: true,
          keepalive: 600,
        }),
      );
    });
    socket.once('data', (answer) => resolve(answer[3] === 0 ? socket : undefined));
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
