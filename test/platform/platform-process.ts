import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const startTimeoutMs = 120_000;
const stopTimeoutMs = 60_000;

/** Where a started platform listens. */
export interface Listening {
  pid: number;
  httpPort: number;
  mqttPort: number;
  ingestPort: number;
}

/** The real all-in-one platform in a process of its own, on free ports and a data folder of its own. */
export class PlatformProcess {
  private child: ChildProcess | undefined;
  private where: Listening | undefined;

  private constructor(
    readonly dataDir: string,
    private readonly environment: Record<string, string>,
  ) {}

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
    return this.child?.pid ?? 0;
  }

  /** Everything the platform printed, newest start last. */
  output(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Starts it and waits until it listens. Throws with its output when it ends first. */
  async start(): Promise<void> {
    rmSync(join(this.dataDir, 'listening.json'), { force: true });
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', join('dist', 'apps', 'all-in-one', 'main.js')], {
      cwd: process.cwd(),
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        UV_THREADPOOL_SIZE: '12',
        HTTP_PORT: '0',
        MQTT_PORT: '0',
        INGEST_PORT: '0',
        HTTP_HOST: '127.0.0.1',
        LOG_LEVEL: 'warn',
        DATA_DIR: this.dataDir,
        ...this.environment,
      },
    });
    this.child = child;
    const deadline = Date.now() + startTimeoutMs;
    while (Date.now() < deadline) {
      const ended = child.exitCode ?? child.signalCode;
      if (ended !== null) throw new Error(`the platform ended with ${ended}:\n${this.output()}`);
      this.where = this.readListening(child.pid ?? 0);
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
    const child = this.child;
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    const [code] = (await exited) as [number | null];
    clearTimeout(timer);
    this.where = undefined;
    return code;
  }

  /** Ends it at once, as a power cut would for the process. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
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

  private get logFile(): string {
    return join(this.dataDir, '..', 'platform.log');
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
