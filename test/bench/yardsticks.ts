import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '#libs/runtime/testing';

/** A broker to compare with: where it listens, and how to end it. */
export interface Yardstick {
  port: number;
  /** Messages that have come out of it on the other side; undefined where nothing is relayed. */
  relayed?: () => number;
  stop(): Promise<void>;
}

/** A bare aedes broker with no handler, in a process of its own. */
export async function startBareBroker(): Promise<Yardstick> {
  const child = spawn(process.execPath, [join('dist', 'test', 'bench', 'bare-broker.child.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { port: Number(line), stop: () => end(child) };
}

/** True where a Mosquitto broker can be started here. */
export function hasMosquitto(): boolean {
  return spawnSync('mosquitto', ['-h'], { stdio: 'ignore', env: searchPath }).error === undefined;
}

/** Mosquitto relaying everything to one subscriber at QoS 1, the least that a pipeline behind it would need. */
export async function startMosquitto(): Promise<Yardstick> {
  const folder = await mkdtemp(join(tmpdir(), 'citysense-mosquitto-'));
  const port = await freePort();
  await writeFile(
    join(folder, 'mosquitto.conf'),
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 0\nlog_type error\n`,
  );
  const child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore', env: searchPath });
  await until(() => canConnect(port), 'mosquitto did not listen');
  const subscriber = spawn(
    'mosquitto_sub',
    ['-p', String(port), '-t', 'devices/#', '-q', '1', '-i', 'relay', '-N', '-F', '.'],
    { stdio: ['ignore', 'pipe', 'ignore'], env: searchPath },
  );
  let relayed = 0;
  subscriber.stdout.on('data', (chunk: Buffer) => {
    relayed += chunk.length;
  });
  return {
    port,
    relayed: () => relayed,
    stop: async () => {
      await end(subscriber);
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Debian puts daemons where a plain user's PATH does not look.
const searchPath = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function until(condition: () => Promise<boolean>, problem: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(problem);
}
