import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what Linux (32768), macOS and Windows (49152) give to outgoing connections: one of those would take a port
 * between its choice and its use, or while its server is down.
 */
const ports = { from: 20_000, to: 32_000 };
/** Jest runs spec files in processes of their own: each has ports that the others do not choose. */
const lanes = 8;
const lane = Number(process.env.JEST_WORKER_ID ?? 0) % lanes;
const perLane = (ports.to - ports.from) / lanes;
let last = Math.floor(Math.random() * perLane);

/**
 * A TCP port of loopback that was free a moment ago, for servers that must keep theirs across restarts. No port is
 * given twice, and no outgoing connection takes it.
 */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < perLane; tried += 1) {
    last = (last + 1) % perLane;
    const port = ports.from + last * lanes + lane;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of 127.0.0.1 is free between ${ports.from} and ${ports.to}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
