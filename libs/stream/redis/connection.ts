import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis';
import { type Logger, sleep, systemClock } from '#libs/runtime';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import { classifyRedisFailure } from './redis-failure.js';
import { type Script, scripts } from './scripts.js';

/** A value as a script takes it. */
export type Argument = string | number | Buffer;

const connectTimeoutMs = 5_000;
const commandTimeoutMs = 5_000;
const firstRetryMs = 50;
const longestRetryMs = 1_000;

/**
 * The connection for commands to Redis, or to a cluster. Nothing is queued while it is down and nothing is sent again
 * behind our back: who sends something knows whether it was answered.
 */
export class RedisConnection {
  readonly client: Redis | Cluster;
  private downSince: number | undefined = performance.now();
  private reason = 'not connected yet';
  private readonly ready = new Set<() => void>();
  private readonly target: string;

  constructor(
    private readonly urls: readonly string[],
    private readonly logger: Logger,
  ) {
    this.target = urls.map(withoutSecrets).join(', ');
    this.client = open(urls);
    this.client.on('ready', () => this.up());
    this.client.on('error', (error: Error) => this.down(error.message));
    this.client.on('close', () => this.down('the connection was lost'));
    this.client.on('end', () => this.down('the connection was closed'));
  }

  /** Begins to connect, and goes on trying; `problem` says how it is. */
  connect(): void {
    this.client.connect().catch((error: Error) => this.down(error.message));
  }

  /** One more connection to the same place, for subscriptions; a cluster keeps one of its own for them. */
  duplicate(): Redis | Cluster {
    return open(this.urls);
  }

  get connected(): boolean {
    return this.downSince === undefined;
  }

  /** What is wrong with the connection, undefined when well. */
  problem(): string | undefined {
    if (this.downSince === undefined) return undefined;
    const seconds = Math.round((performance.now() - this.downSince) / 1_000);
    return `Redis at ${this.target} cannot be reached for ${seconds} s: ${this.reason}`;
  }

  /** Every server that takes writes. */
  masters(): Redis[] {
    return this.client instanceof Cluster ? this.client.nodes('master') : [this.client];
  }

  /** Runs a script once. Rejects with what the driver says. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.client.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (classifyRedisFailure(error).kind !== 'no_script') throw error;
    }
    await this.loadScripts();
    return this.client.evalsha(script.sha, keys.length, ...keys, ...args);
  }

  /** Makes the scripts known to every server; after its restart a server has forgotten them. */
  async loadScripts(): Promise<void> {
    await Promise.all(
      this.masters().map((master) => Promise.all(scripts.map(({ lua }) => master.script('LOAD', lua)))),
    );
  }

  /**
   * Runs a script that is harmless when run twice until it is answered, however long Redis is away. Rejects with
   * `StreamUnavailableError` where Redis has no room (nothing was kept), or where `signal` aborts the waiting.
   */
  persist(script: Script, keys: readonly string[], args: readonly Argument[], signal: AbortSignal): Promise<unknown> {
    return this.repeat(`script ${script.name}`, () => this.run(script, keys, args), signal);
  }

  /** Asks what is harmless when asked twice, until it is answered. Rejects as `persist`. */
  askUntilAnswered<T>(question: (client: Redis | Cluster) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.repeat('command', () => question(this.client), signal);
  }

  /** Asks once. Rejects with `StreamUnavailableError` (ask again later) or `StreamFailedError`. */
  async ask<T>(question: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    try {
      return await question(this.client);
    } catch (error) {
      const { kind, reason } = classifyRedisFailure(error);
      if (kind === 'broken') throw new StreamFailedError(`Redis answered: ${reason}`, { cause: error });
      throw new StreamUnavailableError(`Redis at ${this.target} does not answer: ${reason}`, { cause: error });
    }
  }

  /** Resolves after `leastMs`, and once connected; at once where `signal` aborts. */
  async untilReady(leastMs: number, signal: AbortSignal): Promise<void> {
    await sleep(systemClock, leastMs, signal);
    if (this.connected || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.ready.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.ready.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  close(): void {
    this.client.disconnect();
  }

  private async repeat<T>(what: string, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) throw new StreamUnavailableError(`a ${what} was given up before Redis answered`);
      try {
        return await act();
      } catch (error) {
        const { kind, reason } = classifyRedisFailure(error);
        if (kind === 'refused')
          throw new StreamUnavailableError(`Redis takes nothing more: ${reason}`, { cause: error });
        if (kind === 'broken') throw new StreamFailedError(`a ${what} failed: ${reason}`, { cause: error });
        if (attempt === 1) this.logger.warn({ reason, what }, 'Redis did not answer; it is asked again');
        await this.untilReady(Math.min(longestRetryMs, firstRetryMs * 2 ** (attempt - 1)), signal);
      }
    }
  }

  private up(): void {
    if (this.downSince !== undefined) this.logger.info({ redis: this.target }, 'connected to Redis');
    this.downSince = undefined;
    for (const done of [...this.ready]) done();
  }

  private down(reason: string): void {
    if (this.downSince === undefined) this.logger.warn({ redis: this.target, reason }, 'Redis cannot be reached');
    this.downSince ??= performance.now();
    this.reason = reason;
  }
}

const common = {
  // Nothing waits in the driver: neither commands while the connection is down, nor those whose answer was lost with it.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  // A connection on which nothing comes back any more is a dead one, whatever the system still thinks of it.
  socketTimeout: commandTimeoutMs * 2,
  protocol: 2,
  connectionName: 'citysense-stream',
} as const satisfies RedisOptions;

const retryMs = (attempts: number) => Math.min(longestRetryMs, firstRetryMs * attempts);

function open(urls: readonly string[]): Redis | Cluster {
  const [first = '', ...more] = urls;
  if (more.length === 0) {
    const options = { ...common, lazyConnect: true, enableOfflineQueue: false, enableAutoPipelining: true };
    return new Redis(first, { ...options, retryStrategy: retryMs });
  }
  const { username, password, tls } = optionsIn(first);
  return new Cluster(
    urls.map((url): ClusterNode => {
      const { hostname, port } = new URL(url);
      return { host: hostname, port: Number(port || 6379) };
    }),
    {
      lazyConnect: true,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      clusterRetryStrategy: retryMs,
      slotsRefreshTimeout: commandTimeoutMs,
      redisOptions: {
        ...common,
        ...(username ? { username } : {}),
        ...(password ? { password } : {}),
        ...(tls ? { tls } : {}),
      },
    },
  );
}

function optionsIn(url: string): { username: string; password: string; tls: { servername: string } | undefined } {
  const { username, password, protocol, hostname } = new URL(url);
  const tls = protocol === 'rediss:' ? { servername: hostname } : undefined;
  return { username: decodeURIComponent(username), password: decodeURIComponent(password), tls };
}

function withoutSecrets(url: string): string {
  return new URL(url).host;
}
