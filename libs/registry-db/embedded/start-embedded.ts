import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { lockDirectory } from './directory-lock.js';
import type { RegistryWorkerData } from './registry.worker.js';

/** A PostgreSQL in a thread of this process, reached through a private Unix socket. */
export interface RunningRegistry {
  /** Connection URL for `pg`. */
  url: string;
  /** fsyncs since start. */
  syncs(): number;
  stop(): Promise<void>;
}

/** Socket addresses are at most 108 bytes on Linux and 104 on macOS. */
const longestSocketPath = 100;
const socketName = '.s.PGSQL.5432';
/** Three threads with REGISTRY_POOL_SIZE 3 each, and room for a tool. They share one session: more gains nothing. */
const maxConnections = 16;

/**
 * Opens the registry in `directory`, made if missing; takes about 3 s the first time. One process per directory. When
 * the engine fails later, the failure is thrown uncaught: the process must restart from what is on disk.
 */
export async function startEmbeddedRegistry(directory: string): Promise<RunningRegistry> {
  const root = resolve(directory);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(root);
  const fits = Buffer.byteLength(join(root, socketName)) <= longestSocketPath;
  const socketFolder = fits ? root : mkdtempSync(join(tmpdir(), 'citysense-registry-'));
  const socketPath = join(socketFolder, socketName);
  rmSync(socketPath, { force: true });
  const release = () => {
    rmSync(fits ? socketPath : socketFolder, { force: true, recursive: true });
    unlock();
  };
  const syncs = new SharedArrayBuffer(4);
  const workerData: RegistryWorkerData = { directory: join(root, 'data'), socketPath, maxConnections, syncs };
  const worker = new Worker(new URL('./registry.worker.js', import.meta.url), { workerData, execArgv: [] });
  const exited = new Promise<void>((done) => {
    worker.once('exit', () => {
      release();
      done();
    });
  });
  await new Promise<void>((done, fail) => {
    worker.once('message', () => done());
    worker.once('error', fail);
    worker.once('exit', (code) => fail(new Error(`The embedded registry in ${root} ended with ${code} at its start.`)));
  });
  worker.removeAllListeners('error');
  // An engine that nobody uses any more keeps no process alive.
  worker.unref();
  let stopping: Promise<void> | undefined;
  return {
    url: `postgresql://postgres@/postgres?host=${encodeURIComponent(socketFolder)}`,
    syncs: () => Atomics.load(new Int32Array(syncs), 0),
    stop: () => {
      stopping ??= Promise.resolve().then(() => {
        worker.ref();
        worker.postMessage('stop');
        return exited;
      });
      return stopping;
    },
  };
}
