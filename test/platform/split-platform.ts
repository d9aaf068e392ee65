import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#libs/runtime/testing';
import { AppProcess } from './app-process.js';
import type { Engines } from './engines.js';
import type { Platform } from './platform-process.js';

const readyTimeoutMs = 90_000;

/** What `/health/ready` answers. */
export interface Readiness {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

/** One process of the split platform, and where it is reached. */
export class SplitProcess extends AppProcess {
  constructor(
    readonly name: string,
    role: string,
    folder: string,
    environment: Record<string, string>,
    readonly healthUrl: string,
  ) {
    super(role, join(folder, `${name}.log`), environment);
  }

  /** What it says of itself; undefined where it does not answer. */
  async readiness(): Promise<Readiness | undefined> {
    try {
      const answer = await fetch(`${this.healthUrl}/health/ready`, { signal: AbortSignal.timeout(3_000) });
      return (await answer.json()) as Readiness;
    } catch {
      return undefined;
    }
  }

  /** Waits until it is ready; returns how long that took in milliseconds. Throws with its reasons and output. */
  async untilReady(timeoutMs = readyTimeoutMs): Promise<number> {
    const began = performance.now();
    await this.untilItSays('that it is ready', ({ ready }) => ready, timeoutMs);
    return performance.now() - began;
  }

  /** Waits until it says what is looked for. Throws with what it says instead, and its output; at once where it ends. */
  async untilItSays(what: string, says: (readiness: Readiness) => boolean, timeoutMs = readyTimeoutMs): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const readiness = await this.readiness();
      if (readiness && says(readiness)) return;
      if (this.ended !== null) throw new Error(`${this.name} ended with ${this.ended}:\n${this.output()}`);
      if (performance.now() > deadline) {
        const said = JSON.stringify(readiness?.checks ?? 'no answer');
        throw new Error(
          `${this.name} does not say ${what} after ${timeoutMs} ms: ${said}\n${this.output().slice(-4_000)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** How many processes of each role there are. */
export interface SplitShape {
  gateways: number;
  pipelines: number;
  notifiers: number;
}

/** The platform as processes of its own on server engines: gateways, pipelines, notifiers, one API. */
export class SplitPlatform implements Platform {
  private constructor(
    private readonly folder: string,
    private readonly password: string,
    readonly processes: readonly SplitProcess[],
    readonly mqttPorts: readonly number[],
    readonly ingestPorts: readonly number[],
  ) {}

  /** Chooses ports and writes the secrets that the processes share; starts nothing. */
  static async create(
    engines: Pick<Engines, 'environment'>,
    shape: SplitShape,
    settings: Record<string, string> = {},
  ): Promise<SplitPlatform> {
    const folder = await mkdtemp(join(tmpdir(), 'citysense-split-'));
    const password = randomBytes(15).toString('base64url');
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'secrets', 'password'), password);
    writeFileSync(join(folder, 'secrets', 'master.key'), `k1 ${randomBytes(32).toString('base64')}\n`);
    const mqttPorts: number[] = [];
    const ingestPorts: number[] = [];
    const make = async (name: string, role: string, portSetting: string, more: Record<string, string> = {}) => {
      const port = await freePort();
      const environment = {
        // As deploy/ sets it.
        NODE_OPTIONS: '--max-semi-space-size=128',
        ...engines.environment,
        DATA_DIR: join(folder, name),
        MASTER_KEY_FILE: join(folder, 'secrets', 'master.key'),
        INITIAL_ADMIN_PASSWORD_FILE: join(folder, 'secrets', 'password'),
        HTTP_HOST: '127.0.0.1',
        OPERATIONS_HOST: '127.0.0.1',
        GATEWAY_HOST: '127.0.0.1',
        [portSetting]: String(port),
        ...more,
        ...settings,
      };
      return new SplitProcess(name, role, folder, environment, `http://127.0.0.1:${port}`);
    };
    const processes: SplitProcess[] = [];
    for (let number = 1; number <= shape.gateways; number += 1) {
      const [mqttPort, ingestPort] = [await freePort(), await freePort()];
      mqttPorts.push(mqttPort);
      ingestPorts.push(ingestPort);
      const ports = { MQTT_PORT: String(mqttPort), INGEST_PORT: String(ingestPort) };
      processes.push(await make(`gateway-${number}`, 'gateway', 'OPERATIONS_PORT', ports));
    }
    for (let number = 1; number <= shape.pipelines; number += 1) {
      processes.push(await make(`pipeline-${number}`, 'pipeline', 'OPERATIONS_PORT'));
    }
    for (let number = 1; number <= shape.notifiers; number += 1) {
      processes.push(await make(`notifier-${number}`, 'notifier', 'OPERATIONS_PORT'));
    }
    processes.push(await make('api-1', 'api', 'HTTP_PORT'));
    return new SplitPlatform(folder, password, processes, mqttPorts, ingestPorts);
  }

  get url(): string {
    return this.process('api-1').healthUrl;
  }

  /** Where devices reach each gateway. */
  get mqttUrls(): string[] {
    return this.mqttPorts.map((port) => `mqtt://127.0.0.1:${port}`);
  }

  adminPassword(): string {
    return this.password;
  }

  process(name: string): SplitProcess {
    const found = this.processes.find((one) => one.name === name);
    if (!found) throw new Error(`the platform has no process ${name}`);
    return found;
  }

  /** Starts what does not run and waits until all of it is ready. */
  async start(): Promise<void> {
    for (const one of this.processes) if (one.pid === 0 || one.ended !== null) one.spawn();
    await Promise.all(this.processes.map((one) => one.untilReady()));
  }

  /** Drains all of them; returns the exit codes by name. */
  async stop(): Promise<Map<string, number | null>> {
    const codes = await Promise.all(this.processes.map(async (one) => [one.name, await one.stop()] as const));
    return new Map(codes);
  }

  /** The metrics of every process, one after the other. */
  async metrics(): Promise<string> {
    const texts = this.processes.map(async ({ healthUrl }) => {
      const answer = await fetch(`${healthUrl}/metrics`, { signal: AbortSignal.timeout(30_000) });
      if (!answer.ok) throw new Error(`${healthUrl}/metrics answered ${answer.status}`);
      return answer.text();
    });
    return (await Promise.all(texts)).join('\n');
  }

  /** Ends all of them at once. */
  async kill(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.kill()));
  }

  /** Ends all of them and removes what they kept. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
