import { type MessagePort, Worker } from 'node:worker_threads';
import type { MetricObject } from 'prom-client';
import type { Environment } from './config.js';
import { failureText } from './failed-query.js';
import type { HealthState } from './health.js';

/** What a thread answers its owner. */
interface ThreadApp {
  port: MessagePort | null;
  /** What the owner wants to know once the app runs, such as the ports it listens on. */
  announcement: Announcement;
  stop(): Promise<void>;
  metrics(): Promise<MetricObject[]>;
  health(): Promise<HealthState>;
}

/** Plain facts that an app tells its owner when it has started. */
export type Announcement = Readonly<Record<string, string | number>>;

type Ask = 'stop' | 'metrics' | 'health';

/** Inside a thread: says it is ready, then answers its owner until told to stop. */
export function serveThread(app: ThreadApp): void {
  const { port } = app;
  if (!port) throw new Error('serveThread runs inside a worker thread only');
  port.on('message', ({ id, ask }: { id: number; ask: Ask }) => {
    const answering: Promise<unknown> = ask === 'stop' ? app.stop() : ask === 'metrics' ? app.metrics() : app.health();
    answering
      .then(
        (answer) => port.postMessage({ id, answer }),
        (error: unknown) => port.postMessage({ id, error: failureText(error) }),
      )
      .finally(() => {
        if (ask === 'stop') port.close();
      });
  });
  port.postMessage({ ready: app.announcement });
}

/** An app running in a thread of this process. */
export class AppThread {
  private worker: Worker | undefined;
  private stopping = false;
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();

  constructor(
    readonly name: string,
    private readonly file: URL,
    /** Called when the thread ends without having been told to. */
    private readonly onDeath: (error: Error) => void,
  ) {}

  /** Resolves with what the app announces when it has started; rejects when it could not. */
  start(environment: Environment): Promise<Announcement> {
    const worker = new Worker(this.file, { name: this.name, env: environment as NodeJS.ProcessEnv });
    this.worker = worker;
    let ready = false;
    return new Promise((resolve, reject) => {
      worker.on('message', (message: { ready?: Announcement; id?: number; answer?: never; error?: string }) => {
        if (message.ready) {
          ready = true;
          resolve(message.ready);
          return;
        }
        const waiter = this.waiting.get(message.id ?? 0);
        this.waiting.delete(message.id ?? 0);
        if (message.error !== undefined) waiter?.reject(new Error(message.error));
        else waiter?.resolve(message.answer as never);
      });
      const died = (error: Error) => {
        this.worker = undefined;
        for (const waiter of this.waiting.values()) waiter.reject(error);
        this.waiting.clear();
        if (!ready) reject(error);
        else if (!this.stopping) this.onDeath(error);
      };
      worker.on('error', (error) => died(error as Error));
      worker.on('exit', (code) => {
        if (this.worker) died(new Error(`thread ${this.name} ended with ${code}`));
      });
    });
  }

  /** Lets the app drain, then ends the thread. */
  async stop(): Promise<void> {
    this.stopping = true;
    const worker = this.worker;
    if (!worker) return;
    await this.ask('stop');
    await worker.terminate();
  }

  metrics(): Promise<MetricObject[]> {
    return this.ask('metrics');
  }

  health(): Promise<HealthState> {
    return this.ask('health');
  }

  private ask<T>(ask: Ask): Promise<T> {
    const worker = this.worker;
    if (!worker) return Promise.reject(new Error(`thread ${this.name} is not running`));
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (answer: never) => void, reject });
      worker.postMessage({ id, ask });
    });
  }
}
