import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import type { LoadDevice } from '../../devices-sim/load/mqtt-load.js';
import { ApiClient } from '../platform/api-client.js';
import { type BenchEngines, type BenchedPlatform, openBenchedPlatform } from './benched-platform.js';
import { registerDevices } from './bystanders.js';
import { runLoad } from './load.js';
import { untilDrained } from './scrape.js';
import { residentBytes, round } from './statistics.js';

const connectsAtATime = 256;
/** A platform at work: what V8 sets aside once, whoever connects, is set aside before. */
const workingDevices = 1_000;
const workingMs = 10_000;
/** Memory is at rest when it has moved by less than this part of it over so many seconds; waited for a minute at most. */
const restingPart = 0.01;
const restingSeconds = 5;
const longestSettle = 60;

/**
 * On a platform of its own that has been at work for a while: connects many devices that then say nothing. Memory per
 * connection, of all that holds them or knows of them, and how long until the last was in.
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
    const working = await registerDevices(api, 'working', workingDevices, 'water-meter');
    const devices = await registerDevices(api, 'idle', idleConnections, 'water-meter');
    const load = { port: platform.mqttPort, devices: working, window: 1, durationMs: workingMs, sequenceBase: 0 };
    await runLoad(load);
    await untilDrained(platform);
    const before = await settledBytes(platform);
    say(`connecting ${idleConnections} idle devices`);
    const started = performance.now();
    const sockets = await connectAll(platform.mqttPort, devices);
    const connectSeconds = (performance.now() - started) / 1000;
    const after = await settledBytes(platform);
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

/** Resident bytes once they rest: what the load before has left to be sorted and collected is no connection's. */
async function settledBytes(platform: BenchedPlatform): Promise<number> {
  const seen: number[] = [];
  while (seen.length < longestSettle) {
    seen.push(residentBytes(platform.pids[0] ?? 0));
    const last = seen.slice(-restingSeconds);
    if (last.length === restingSeconds && Math.max(...last) - Math.min(...last) < restingPart * Math.max(...last))
      break;
    await pause(1_000);
  }
  return seen.at(-1) ?? 0;
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
