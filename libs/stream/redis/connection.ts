import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis';
import { type Logger, sleep, systemClock, withCertificateFix } from '#libs/runtime';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import { classifyRedisFailure } from './redis-failure.js';
import type { Script } from './script-parts.js';
import { scripts } from './scripts.js';

/** Where Redis is. */
export interface RedisServers {
  /**
   * One server, some nodes of a cluster, or the sentinels where `sentinel` is given: `redis://user:password@host:port`,
   * `rediss://` for TLS. User and password are those of Redis itself.
   */
  urls: readonly string[];
  /** The name under which the sentinels know the master, and their own password where they have one. */
  sentinel?: { master: string; password: string | undefined } | undefined;
}

/** A value as a script takes it. */
export type Argument = string | number | Buffer;

const connectTimeoutMs = 5_000;
const commandTimeoutMs = 5_000;
const firstRetryMs = 50;
const longestRetryMs = 1_000;
const uselessAfterMs = 3_000;
const notYet = 'not connected yet';

/**
 * The connection for commands to Redis, or to a cluster. Nothing is queued while it is down and nothing is sent again
 * behind our back: who sends something knows whether it was answered.
 */
export class RedisConnection {
  readonly client: Redis | Cluster;
  private downSince: number | undefined = performance.now();
  private reason = notYet;
  /** Since when it is connected and yet does not do what it is asked. */
  private uselessSince: number | undefined;
  private readonly ready = new Set<() => void>();
  private readonly target: string;
  private gathering = false;

  constructor(
    private readonly servers: RedisServers,
    private readonly logger: Logger,
    /** Whether it tells in the log that it is up or down; one of several to the same place does for all. */
    private readonly tells = true,
  ) {
    const places = servers.urls.map((url) => new URL(url).host).join(', ');
    this.target = servers.sentinel ? `the sentinels ${places} (${servers.sentinel.master})` : places;
    this.client = open(servers);
    this.client.on('ready', () => this.up());
    this.client.on('error', (error: Error) => this.down(withCertificateFix(error, error.message)));
    this.client.on('close', () => this.gone('the connection was lost'));
    this.client.on('end', () => this.gone('the connection was closed'));
  }

  /** Resolves when connected, or when the first attempt has failed: it goes on trying, and `problem` says how it is. */
  async connect(): Promise<void> {
    await this.client.connect().catch((error: Error) => this.gone(error.message));
  }

  /** One more connection to the same place, for subscriptions; a cluster keeps one of its own for them. */
  duplicate(): Redis | Cluster {
    return open(this.servers);
  }

  get connected(): boolean {
    return this.downSince === undefined;
  }

  /** What is wrong with the connection, undefined when well. */
  problem(): string | undefined {
    const secondsSince = (time: number) => Math.round((performance.now() - time) / 1_000);
    if (this.downSince !== undefined) {
      return `Redis at ${this.target} cannot be reached for ${secondsSince(this.downSince)} s: ${this.reason}`;
    }
    if (this.uselessSince === undefined || performance.now() - this.uselessSince < uselessAfterMs) return undefined;
    return `Redis at ${this.target} does not do what it is asked for ${secondsSince(this.uselessSince)} s: ${this.reason}`;
  }

  /** Every server that takes writes. */
  masters(): Redis[] {
    return this.client instanceof Cluster ? this.client.nodes('master') : [this.client];
  }

  /** Runs a script once. Rejects with what the driver says. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    this.mustBeConnected();
    this.gather();
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
    this.mustBeConnected();
    await Promise.all(
      this.masters().map((master) => Promise.all(scripts.map(({ lua }) => master.script('LOAD', lua)))),
    );
  }

  /**
   * Runs a script that is harmless when run twice until it is answered, however long Redis is away. Rejects with
   * `StreamUnavailableError` where Redis has no room (nothing was kept), or where `signal` aborts the waiting.
   */
  persist(script: Script, keys: readonly string[], args: readonly Argument[], signal: AbortSignal): Promise<unknown> {
    return this.repeat(`script ${script.name}`, () => this.run(script, keys, args), signal, false);
  }

  /** As `persist`, and waits until Redis has room: for the second half of what has been promised with the first. */
  endure(script: Script, keys: readonly string[], args: readonly Argument[], signal: AbortSignal): Promise<unknown> {
    return this.repeat(`script ${script.name}`, () => this.run(script, keys, args), signal, true);
  }

  /** Asks what is harmless when asked twice, until it is answered. Rejects as `endure`. */
  askUntilAnswered<T>(question: (client: Redis | Cluster) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.repeat(
      'command',
      () => {
        this.mustBeConnected();
        return question(this.client);
      },
      signal,
      true,
    );
  }

  /** Asks once. Rejects with `StreamUnavailableError` (ask again later) or `StreamFailedError`. */
  async ask<T>(question: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    try {
      this.mustBeConnected();
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

  private async repeat<T>(what: string, act: () => Promise<T>, signal: AbortSignal, enduring: boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) {
        // Nothing may be asked here for long: what was given up is no complaint for ever.
        this.uselessSince = undefined;
        throw new StreamUnavailableError(`a ${what} was given up before Redis answered`);
      }
      try {
        const answer = await act();
        this.uselessSince = undefined;
        return answer;
      } catch (error) {
        const { kind, reason } = classifyRedisFailure(error);
        this.uselessSince ??= performance.now();
        this.reason = reason;
        if (kind === 'refused' && !enduring) {
          throw new StreamUnavailableError(`Redis takes nothing more: ${reason}`, { cause: error });
        }
        if (kind === 'broken') throw new StreamFailedError(`a ${what} failed: ${reason}`, { cause: error });
        if (attempt === 1) this.logger.warn({ reason, what }, 'Redis did not answer; it is asked again');
        await this.untilReady(Math.min(longestRetryMs, firstRetryMs * 2 ** (attempt - 1)), signal);
      }
    }
  }

  /**
   * What is asked in one round of the event loop leaves in one write. The driver's own pipelining has one pipeline under way
   * at a time, so that an urgent append would wait for the bulk before it.
   */
  private gather(): void {
    if (this.gathering || !(this.client instanceof Redis)) return;
    const { stream } = this.client;
    this.gathering = true;
    stream.cork();
    setImmediate(() => {
      this.gathering = false;
      stream.uncork();
    });
  }

  /** The driver would refuse it too, but keep a timer for its answer. */
  private mustBeConnected(): void {
    if (!this.connected) throw new Error(this.reason);
  }

  private up(): void {
    if (this.downSince !== undefined && this.tells) this.logger.info({ redis: this.target }, 'connected to Redis');
    this.downSince = undefined;
    for (const done of [...this.ready]) done();
  }

  /** Down, and why has been said before where it was known. */
  private gone(reason: string): void {
    if (this.downSince === undefined || this.reason === notYet) this.down(reason);
  }

  private down(reason: string): void {
    if (this.downSince === undefined && this.tells)
      this.logger.warn({ redis: this.target, reason }, 'Redis cannot be reached');
    this.downSince ??= performance.now();
    this.reason = reason;
  }
}

const common = {
  // Nothing waits in the driver: neither commands while the connection is down, nor those whose answer was lost with it.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // It would do so without looking at what becomes of it: a connection lost meanwhile would end the process.
  autoResubscribe: false,
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  // A connection on which nothing comes back any more is a dead one, whatever the system still thinks of it.
  socketTimeout: commandTimeoutMs * 2,
  protocol: 2,
  // How long a closed connection may take to say goodbye, and keeps the process waiting.
  disconnectTimeout: 100,
  connectionName: 'citysense-stream',
} as const satisfies RedisOptions;

const retryMs = (attempts: number) => Math.min(longestRetryMs, firstRetryMs * attempts);

const byItself = { lazyConnect: true, enableOfflineQueue: false, enableAutoPipelining: false } as const;

function open({ urls, sentinel }: RedisServers): Redis | Cluster {
  const [first = '', ...more] = urls;
  if (sentinel) {
    const { tls, ...login } = sharedOptions(first);
    return new Redis({
      ...common,
      ...byItself,
      ...login,
      // Whoever is the master shows a certificate of its own.
      ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      name: sentinel.master,
      sentinels: urls.map((url) => nodeAt(url, 26_379)),
      ...(sentinel.password ? { sentinelPassword: sentinel.password } : {}),
      retryStrategy: retryMs,
      sentinelRetryStrategy: retryMs,
    });
  }
  if (more.length === 0) return new Redis(first, { ...common, ...byItself, retryStrategy: retryMs });
  return new Cluster(
    urls.map((url) => nodeAt(url, 6_379)),
    {
      ...byItself,
      clusterRetryStrategy: retryMs,
      slotsRefreshTimeout: commandTimeoutMs,
      redisOptions: { ...common, ...sharedOptions(first) },
    },
  );
}

function nodeAt(url: string, usualPort: number): ClusterNode & { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || usualPort) };
}

/** What is the same for all servers: login and TLS. */
function sharedOptions(url: string): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  const { username, password, protocol, hostname } = new URL(url);
  return {
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: { servername: hostname } } : {}),
  };
}
