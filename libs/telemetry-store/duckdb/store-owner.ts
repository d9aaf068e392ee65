import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type Clock, ConfigError, type Logger, sleep } from '#libs/runtime';
import type { OwnerMessage, StoreOptions, WorkerMessage } from './store-protocol.js';

const reopenAfterMs = 1_000;
const stopTimeoutMs = 60_000;

/** Starts the thread that owns DuckDB and, when it gives up (a full disk, a failed write), starts it again. */
export class StoreOwner {
  private worker: Worker | undefined;
  private stopping = false;
  private starting: Promise<void> | undefined;
  private readonly cancel = new AbortController();
  /** What the thread said last before it ended; undefined while it serves. */
  problem: string | undefined = 'not started';

  constructor(
    private readonly options: StoreOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the store serves; rejects when it cannot be opened. */
  start(): Promise<void> {
    this.starting ??= this.open();
    return this.starting;
  }

  /** A line to the thread. */
  connect(): MessagePort | undefined {
    const { port1, port2 } = new MessageChannel();
    const worker = this.worker;
    if (!worker || this.problem !== undefined) return undefined;
    worker.postMessage({ kind: 'connect', port: port2 } satisfies OwnerMessage, [port2]);
    return port1;
  }

  /** Lets the thread finish what it was given. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.cancel.abort();
    const worker = this.worker;
    if (!worker) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage({ kind: 'stop' } satisfies OwnerMessage);
    const timer = setTimeout(() => void worker.terminate(), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  private open(): Promise<void> {
    const worker = new Worker(new URL('./duckdb.worker.js', import.meta.url), {
      workerData: this.options,
      name: 'telemetry-store',
    });
    this.worker = worker;
    return new Promise((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'ready') {
          this.problem = undefined;
          resolve();
        } else if (message.kind !== 'stopped') this.problem = message.message;
      });
      worker.on('error', (error) => {
        this.problem = (error as Error).message;
      });
      worker.on('exit', (code) => {
        this.worker = undefined;
        this.problem ??= `the thread ended with ${code}`;
        reject(new ConfigError(`cannot open the telemetry store in ${this.options.folder}: ${this.problem}`));
        if (!this.stopping) void this.reopen();
      });
    });
  }

  private async reopen(): Promise<void> {
    this.logger.error({ problem: this.problem }, 'telemetry store gave up; opening it again');
    await sleep(this.clock, reopenAfterMs, this.cancel.signal);
    if (this.stopping) return;
    // A failure here ends in another `exit`, which tries again.
    await this.open().catch(() => undefined);
  }
}
