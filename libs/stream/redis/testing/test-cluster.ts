import { Redis } from 'ioredis';
import { freePort, startServer, type TestServer } from '#libs/runtime/testing';

/** A cluster of three masters; all URLs with commas between. */
export async function startTestCluster(): Promise<{ url: string; stop(): Promise<void> }> {
  const servers: TestServer[] = [];
  const stop = async () => {
    for (const server of servers) await server.stop();
  };
  try {
    const ports: { port: number; bus: number }[] = [];
    for (let node = 0; node < 3; node++) {
      const bus = await freePort();
      const settings = ['cluster-enabled yes', `cluster-port ${bus}`, 'cluster-node-timeout 2000'];
      const server = await startServer('redis', settings);
      servers.push(server);
      ports.push({ port: Number(new URL(server.url).port), bus });
    }
    await join(ports);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: servers.map(({ url }) => url).join(','), stop };
}

const slots = 16_384;
const readyWithinMs = 20_000;

async function join(nodes: readonly { port: number; bus: number }[]): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis(port, '127.0.0.1'));
  try {
    const share = Math.ceil(slots / nodes.length);
    for (const [index, client] of clients.entries()) {
      const [first, last] = [index * share, Math.min(slots, (index + 1) * share) - 1];
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
      for (const { port, bus } of nodes) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(bus));
    }
    const deadline = performance.now() + readyWithinMs;
    for (;;) {
      const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
      if (infos.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(info)))) return;
      if (performance.now() > deadline) throw new Error(`the cluster is not ready: ${infos.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    for (const client of clients) client.disconnect();
  }
}
