import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppProcess } from './app-process.js';

const startTimeoutMs = 120_000;

/** A platform as tests and benchmarks reach it, however many processes it is. */
export interface Platform {
  /** Of the REST API. */
  readonly url: string;
  /** The first administrator's password. */
  adminPassword(): string;
}

/** Where a started platform listens. */
export interface Listening {
  pid: number;
  httpPort: number;
  mqttPort: number;
  ingestPort: number;
}

/** The real all-in-one platform in a process of its own, on free ports and a data folder of its own. */
export class PlatformProcess implements Platform {
  private readonly process: AppProcess;
  private where: Listening | undefined;

  private constructor(
    readonly dataDir: string,
    environment: Record<string, string>,
  ) {
    this.process = new AppProcess('all-in-one', join(dataDir, '..', 'platform.log'), {
      UV_THREADPOOL_SIZE: '12',
      HTTP_PORT: '0',
      MQTT_PORT: '0',
      INGEST_PORT: '0',
      HTTP_HOST: '127.0.0.1',
      DATA_DIR: dataDir,
      ...environment,
    });
  }

  /** A platform on an empty data folder; `environment` adds or replaces settings. Not started yet. */
  static async create(environment: Record<string, string> = {}): Promise<PlatformProcess> {
    return new PlatformProcess(join(await mkdtemp(join(tmpdir(), 'citysense-')), 'data'), environment);
  }

  get listening(): Listening {
    if (!this.where) throw new Error('the platform is not running');
    return this.where;
  }

  get url(): string {
    return `http://127.0.0.1:${this.listening.httpPort}`;
  }

  get mqttUrl(): string {
    return `mqtt://127.0.0.1:${this.listening.mqttPort}`;
  }

  get ingestUrl(): string {
    return `http://127.0.0.1:${this.listening.ingestPort}`;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Everything the platform printed, newest start last. */
  output(): string {
    return this.process.output();
  }

  /** Starts it and waits until it listens. Throws with its output when it ends first. */
  async start(): Promise<void> {
    rmSync(join(this.dataDir, 'listening.json'), { force: true });
    this.process.spawn();
    const { pid } = this.process;
    const deadline = Date.now() + startTimeoutMs;
    while (Date.now() < deadline) {
      if (this.process.ended !== null) {
        throw new Error(`the platform ended with ${this.process.ended}:\n${this.output()}`);
      }
      this.where = this.readListening(pid);
      if (this.where) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the platform did not listen within ${startTimeoutMs} ms:\n${this.output()}`);
  }

  /** The first administrator's password, as the platform left it for tools on its own machine. */
  adminPassword(): string {
    return readFileSync(join(this.dataDir, 'initial-admin-password'), 'utf8').trim();
  }

  /** Lets it drain, as Ctrl-C does; returns its exit code. */
  async stop(): Promise<number | null> {
    const code = await this.process.stop();
    this.where = undefined;
    return code;
  }

  /** Ends it at once, as a power cut would for the process. */
  async kill(): Promise<void> {
    await this.process.kill();
    this.where = undefined;
  }

  /** Starts it and ends it at once after `afterMs`, most likely before it listens. */
  async killWhileStarting(afterMs: number): Promise<void> {
    const starting = this.start().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.kill();
    await starting;
  }

  /** Stops it and removes what it kept. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(join(this.dataDir, '..'), { recursive: true, force: true });
  }

  private readListening(pid: number): Listening | undefined {
    try {
      const listening = JSON.parse(readFileSync(join(this.dataDir, 'listening.json'), 'utf8')) as Listening;
      return listening.pid === pid ? listening : undefined;
    } catch {
      return undefined;
    }
  }
}
