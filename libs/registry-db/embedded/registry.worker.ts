import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { durableOptions } from './durable-files.js';
import { sharedSession } from './shared-session.js';

/** What the thread is started with. */
export interface RegistryWorkerData {
  directory: string;
  socketPath: string;
  maxConnections: number;
  /** One 32-bit counter, shared: fsyncs so far. */
  syncs: SharedArrayBuffer;
}

const port = parentPort;
if (!port) throw new Error('registry.worker runs in a worker thread');
const data = workerData as RegistryWorkerData;
const syncs = new Int32Array(data.syncs);

const pglite = await PGlite.create(durableOptions(data.directory, () => Atomics.add(syncs, 0, 1)));
const server = new PGLiteSocketServer({
  db: sharedSession(pglite, (error) => {
    // Uncaught on purpose: an fsync that failed, or an engine that aborted, must never be asked again.
    setImmediate(() => {
      throw error;
    });
  }) as PGlite,
  path: data.socketPath,
  maxConnections: data.maxConnections,
});
await server.start();
port.on('message', async () => {
  await server.stop();
  await pglite.close();
  port.postMessage('stopped');
  port.close();
});
port.postMessage('started');
