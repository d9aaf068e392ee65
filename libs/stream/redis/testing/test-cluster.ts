import { Redis } from 'ioredis';
import { freePort, type ServerProcess, startServer, type TestServer } from '#libs/runtime/testing';

/** A cluster of three masters. */
export interface TestCluster {
  /** All URLs with commas between. */
  url: string;
  /** By number, the replicas after the masters. */
  processes: (ServerProcess | undefined)[];
  /** Lets the replica of a master take over, as for maintenance: it has everything before it does. */
  handOver(master: number): Promise<void>;
  stop(): Promise<void>;
}

interface Node {
  server: TestServer;
  port: number;
  bus: number;
}

const masters = 3;
const slots = 16_384;
const readyWithinMs = 20_000;

/** A cluster of three masters, each with a replica where `replicated`. */
export async function startTestCluster({ replicated = false } = {}): Promise<TestCluster> {
  const nodes: Node[] = [];
  const stop = async () => {
    for (const { server } of nodes) await server.stop();
  };
  try {
    for (let node = 0; node < (replicated ? 2 : 1) * masters; node++) {
      const bus = await freePort();
      const settings = [
        'cluster-enabled yes',
        `cluster-port ${bus}`,
        'cluster-node-timeout 2000',
        'repl-diskless-sync-delay 0',
      ];
      const server = await startServer('redis', settings);
      nodes.push({ server, port: Number(new URL(server.url).port), bus });
    }
    await withClients(nodes, (clients) => join(nodes, clients));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: nodes.map(({ server }) => server.url).join(','),
    processes: nodes.map(({ server }) => server.process),
    handOver: (master) => withClients(nodes.slice(masters + master, masters + master + 1), handOver),
    stop,
  };
}

async function withClients(nodes: readonly Node[], work: (clients: readonly Redis[]) => Promise<void>): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis(port, '127.0.0.1'));
  try {
    await work(clients);
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function join(nodes: readonly Node[], clients: readonly Redis[]): Promise<void> {
  const share = Math.ceil(slots / masters);
  for (const [index, client] of clients.entries()) {
    for (const { port, bus } of nodes) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(bus));
    if (index >= masters) continue;
    const [first, last] = [index * share, Math.min(slots, (index + 1) * share) - 1];
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
  }
  const well = new RegExp(`cluster_state:ok[\\s\\S]*cluster_known_nodes:${nodes.length}\\b`);
  await untilAll(clients, async (client) => well.test(String(await client.call('CLUSTER', 'INFO'))));
  const ids = await Promise.all(clients.map((client) => client.call('CLUSTER', 'MYID')));
  const replicas = clients.slice(masters);
  for (const [index, replica] of replicas.entries()) await replica.call('CLUSTER', 'REPLICATE', String(ids[index]));
  await untilAll(replicas, async (replica) => /master_link_status:up/.test(await replica.info('replication')));
}

async function handOver(replicas: readonly Redis[]): Promise<void> {
  await Promise.all(replicas.map((replica) => replica.call('CLUSTER', 'FAILOVER')));
  await untilAll(replicas, async (replica) => /role:master/.test(await replica.info('replication')));
}

async function untilAll(clients: readonly Redis[], isSo: (client: Redis) => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (!(await Promise.all(clients.map(isSo))).every(Boolean)) {
    if (performance.now() > deadline) throw new Error(`the cluster is not ready after ${readyWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
