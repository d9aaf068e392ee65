import { Worker } from 'node:worker_threads';
import { systemClock } from '#libs/runtime';
import type { CodecConfig } from '../../normaliser.config.js';
import type { CodecAnswer, CodecFrame } from './codec-answer.js';
import { type CodecJob, type CodecReply, type CodecThreadData, step } from './codec-protocol.js';

/** How a piece of work ended: answers to its first frames, or the thread's death at frame `at` (-1: while loading). */
export type ThreadEnd =
  | { kind: 'answered'; answers: CodecAnswer[] }
  | {
      kind: 'killed';
      at: number /** True where it made no progress; false where it died by itself. */;
      silent: boolean;
    };

const sliceMs = 100;
const maxAnswerLength = 65_536;
/** How much longer a thread may take that has just been started, loads a script, or retries a suspect alone. */
const patience = { starting: 40, loading: 8, suspect: 8 } as const;
const looksPerWatch = 5;
const heapMb = 128;

interface Work {
  id: number;
  suspect: boolean;
  done: (end: ThreadEnd) => void;
}

/**
 * One codec thread and its watchdog. The watchdog runs on the machine's own clock, whatever clock the platform is given:
 * it guards a real processor.
 */
export class CodecThread {
  private worker: Worker | undefined;
  private words = new Int32Array(new SharedArrayBuffer(8));
  private current: Work | undefined;
  private jobs = 0;
  private cancelWatch: () => void = () => {};

  constructor(private readonly config: CodecConfig) {}

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** Hands frames to the thread, starting it where it is not running. */
  work(runtime: string, script: string, frames: readonly CodecFrame[], suspect: boolean): Promise<ThreadEnd> {
    const worker = this.worker ?? this.start();
    this.jobs += 1;
    const job: CodecJob = { id: this.jobs, runtime, script, frames: JSON.stringify(frames), count: frames.length };
    return new Promise((resolve) => {
      this.current = { id: job.id, suspect, done: resolve };
      worker.postMessage(job);
      this.watch(Atomics.load(this.words, 0), 0);
    });
  }

  async stop(): Promise<void> {
    this.end({ kind: 'killed', at: -1, silent: false });
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private start(): Worker {
    const progress = new SharedArrayBuffer(8);
    this.words = new Int32Array(progress);
    Atomics.store(this.words, 1, step.idle);
    const { memoryBytes, frameTicks, runtimes } = this.config;
    const workerData: CodecThreadData = {
      progress,
      limits: { memoryBytes, frameTicks, maxAnswerLength },
      runtimes,
      sliceMs,
    };
    const worker = new Worker(new URL('./codec.worker.js', import.meta.url), {
      name: 'codec',
      workerData,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 16 },
    });
    worker.unref();
    worker.on('message', (reply: CodecReply) => {
      if (reply.id === this.current?.id) this.end({ kind: 'answered', answers: reply.answers });
    });
    worker.on('error', () => this.lost(worker));
    worker.on('exit', () => this.lost(worker));
    this.worker = worker;
    return worker;
  }

  /**
   * Looks again and again whether the thread has moved on. It counts its looks instead of asking the clock: where the
   * machine is too busy to let the watchdog run, the thread is likely to be kept waiting as well.
   */
  private watch(seen: number, looks: number): void {
    this.cancelWatch = systemClock.after(this.config.watchdogMs / looksPerWatch, () => {
      const moved = Atomics.load(this.words, 0);
      if (moved !== seen) this.watch(moved, 0);
      else if (looks + 1 < looksPerWatch * this.patience()) this.watch(seen, looks + 1);
      else this.kill();
    });
  }

  private patience(): number {
    const at = Atomics.load(this.words, 1);
    if (at === step.idle) return patience.starting;
    if (at === step.loading) return patience.loading;
    return this.current?.suspect ? patience.suspect : 1;
  }

  private kill(): void {
    const { worker } = this;
    this.worker = undefined;
    void worker?.terminate();
    this.end({ kind: 'killed', at: Math.max(Atomics.load(this.words, 1), -1), silent: true });
  }

  private lost(worker: Worker): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.end({ kind: 'killed', at: Math.max(Atomics.load(this.words, 1), -1), silent: false });
  }

  private end(end: ThreadEnd): void {
    this.cancelWatch();
    const work = this.current;
    this.current = undefined;
    work?.done(end);
  }
}
