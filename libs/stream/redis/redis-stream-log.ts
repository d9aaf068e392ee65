import { setMaxListeners } from 'node:events';
import { lanes } from '#libs/contracts';
import type { Clock, Logger, Metrics } from '#libs/runtime';
import { AppendWaiters } from '../append-waiters.js';
import { checkAppend, checkName } from '../entry-check.js';
import { StreamFailedError, StreamFencedError, StreamOpenError, StreamUsageError } from '../stream.errors.js';
import type {
  Append,
  Commit,
  Entry,
  Lag,
  LogRecord,
  Member,
  Membership,
  Origin,
  Place,
  Retention,
  Source,
  StreamLog,
} from '../stream.port.js';
import { Appender } from './appender.js';
import { Committer } from './committer.js';
import { RedisConnection, type RedisServers } from './connection.js';
import { GroupMembership } from './group-membership.js';
import { readState, scanState } from './keyed-state.js';
import { Keys, sourceNameOf } from './keys.js';
import { clearLog, exportLog, importLog } from './log-copy.js';
import { OutboxRelay } from './outbox-relay.js';
import { Reader } from './reader.js';
import { classifyRedisFailure } from './redis-failure.js';
import { Room } from './room.js';
import { claimScript, noteScript, registerScript } from './scripts.js';
import { checkServer } from './server-check.js';
import { Standings } from './standings.js';
import { Tail, type TailListener } from './tail.js';
import { Trimmer } from './trimmer.js';
import { WakeUps } from './wake-ups.js';
import { WritingConnections } from './writing-connections.js';

/** What a stream on Redis is opened with. */
export interface RedisStreamLogOptions extends RedisServers {
  /** What all keys begin with: two platforms on one Redis never meet. */
  prefix: string;
  /** Fixed at first start; another number refuses to open. */
  partitions: number;
  /** How long a process that is not heard of keeps its partitions. */
  leaseMs: number;
  /** How much of one partition and lane may wait for a stage before intake is held up. */
  maxBacklogBytes: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

const formatVersion = '2';
const lookMs = 1_000;
const safetyWakeMs = 2_000;
const retryMs = 500;
const patienceMs = 5_000;

/** The stream on Redis Streams: one Redis stream per (stream, lane, partition). See the README for what lies where. */
export class RedisStreamLog implements StreamLog {
  readonly partitions: number;
  private readonly keys: Keys;
  private readonly waiters = new AppendWaiters();
  private readonly tails = new Set<Tail>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly memberships = new Map<string, GroupMembership>();
  private readonly stopping = new AbortController();
  private opening: Promise<void> | undefined;
  private opened: Opened | undefined;
  private waitingFor = 'it has not been started';

  constructor(private readonly options: RedisStreamLogOptions) {
    this.partitions = options.partitions;
    this.keys = new Keys(options.prefix);
    // Every partition may wait on it at once: that many listeners are no leak.
    setMaxListeners(0, this.stopping.signal);
  }

  /** Resolves when Redis is there and can be used, however long that takes; `problem` says what it waits for. */
  start(): Promise<void> {
    this.opening ??= this.open();
    return this.opening;
  }

  async stop(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    for (const tail of this.tails) tail.stop();
    for (const membership of this.memberships.values()) await membership.leave();
    await opened?.appender.stop(patienceMs);
    this.stopping.abort();
    await this.opening?.catch(() => undefined);
    this.waiters.close();
    opened?.wakeUps.close();
    opened?.writing.close();
  }

  /** What keeps the log from working, undefined when well. */
  problem(): string | undefined {
    const { opened } = this;
    if (!opened) return `the stream is not open: ${this.waitingFor}`;
    return opened.writing.problem() ?? opened.room.problem();
  }

  async append(entries: readonly Append[], origin: Origin = 'intake'): Promise<void> {
    if (entries.length === 0) return;
    for (const entry of entries) checkAppend(entry, this.partitions);
    const { appender, room } = this.mustBeOpen();
    const refusal = origin === 'intake' ? room.refusal(entries) : undefined;
    if (refusal) throw refusal;
    await appender.append(entries);
  }

  async registerGroup(stream: string, group: string): Promise<void> {
    checkName('stream', stream);
    checkName('group', group);
    const { connection } = this.mustBeOpen();
    const { keys, partitions } = this;
    const { signal } = this.stopping;
    await Promise.all(
      Array.from({ length: partitions }, (_, partition) => {
        const streams = lanes.map((lane) => keys.entries({ stream, lane, partition }));
        const sources = lanes.map((lane) => sourceNameOf({ stream, group, lane }));
        return connection.endure(registerScript, [keys.commits(partition), ...streams], [group, ...sources], signal);
      }),
    );
    await connection.endure(noteScript, [keys.groups], [`${stream} ${group}`], signal);
  }

  async join(stream: string, group: string, member: Member): Promise<Membership> {
    checkName('stream', stream);
    checkName('group', group);
    const { connection, wakeUps, relay } = this.mustBeOpen();
    const name = `${stream} ${group}`;
    if (this.memberships.get(name)?.left === false)
      throw new StreamUsageError(`${stream}/${group} has a member here already`);
    const { keys, partitions } = this;
    const { logger, leaseMs } = this.options;
    const work = { connection, keys, wakeUps, relay, logger, partitions, leaseMs };
    const membership = new GroupMembership(stream, group, member, work);
    // It stays here after it has left: what was under way then is not committed as if nobody had ever joined.
    this.memberships.set(name, membership);
    membership.start();
    return membership;
  }

  async read(
    source: Source,
    { after, maxEntries, maxBytes }: { after?: number; maxEntries: number; maxBytes: number },
  ): Promise<Entry[]> {
    const { reader } = this.mustBeOpen();
    const from = after ?? (await reader.acknowledged(source, source.group));
    return reader.readAfter(source, from, maxEntries, maxBytes);
  }

  async commit(commit: Commit): Promise<void> {
    const { stream, group, partition } = commit.source;
    for (const entry of commit.append) checkAppend(entry, this.partitions);
    const { committer } = this.mustBeOpen();
    const membership = this.memberships.get(`${stream} ${group}`);
    const right = membership ? membership.right(partition) : { token: '', signal: this.stopping.signal };
    if (!right) throw new StreamFencedError(`${stream}/${group} partition ${partition} is not this member's`);
    try {
      await committer.commit(commit, right);
    } catch (error) {
      if (error instanceof StreamFencedError) membership?.lose(partition, right.token);
      // Given up because the partition went: whether it was kept, its new owner sees.
      else if (right.signal.aborted && membership)
        throw new StreamFencedError((error as Error).message, { cause: error });
      throw error;
    }
  }

  readState(group: string, partition: number, keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return readState(this.mustBeOpen().connection, this.keys, group, partition, keys);
  }

  scanState(group: string, partition: number, prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    return scanState(this.mustBeOpen().connection, this.keys, group, partition, prefix);
  }

  tail(stream: string, listener: TailListener): () => void {
    const { reader, wakeUps } = this.mustBeOpen();
    const tail = new Tail(reader, this.partitions, stream, listener, this.options.logger);
    this.tails.add(tail);
    // What was appended before Redis had heard of the subscription is looked for.
    void wakeUps.follow(stream).then(() => tail.wake(undefined));
    const unlisten = this.waiters.listen((places) => tail.wake(places));
    tail.wake([]);
    return () => {
      unlisten();
      tail.stop();
      this.tails.delete(tail);
    };
  }

  async waitForAppend(
    streams: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly Place[] | undefined> {
    const { wakeUps } = this.mustBeOpen();
    await Promise.all(streams.map((stream) => wakeUps.follow(stream)));
    return this.waiters.wait(streams, timeoutMs, signal);
  }

  lag(): Promise<Lag[]> {
    return this.mustBeOpen().standings.lag();
  }

  trim(retention: readonly Retention[]): Promise<number> {
    return this.mustBeOpen().trimmer.trim(retention, this.options.clock.now());
  }

  export(): AsyncIterable<LogRecord> {
    const { connection, reader, relay } = this.mustBeOpen();
    const { keys, partitions } = this;
    const { signal } = this.stopping;
    return exportLog({ connection, keys, reader, relay, signal, partitions, lag: () => this.lag() });
  }

  async import(records: AsyncIterable<LogRecord>): Promise<void> {
    const { connection } = this.mustBeOpen();
    await clearLog(connection, this.keys);
    await this.claim(connection);
    await importLog(connection, this.keys, (stream, group) => this.registerGroup(stream, group), records);
  }

  private async open(): Promise<void> {
    const { urls, sentinel, logger, clock, metrics, maxBacklogBytes } = this.options;
    const connection = new RedisConnection({ urls, sentinel }, logger);
    try {
      await connection.connect();
      await this.prepare(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    const { keys, partitions } = this;
    const relay = new OutboxRelay(connection, keys, clock);
    const wakeUps = new WakeUps(connection, keys, this.waiters, logger);
    const writing = WritingConnections.open(connection, { urls, sentinel }, logger);
    await Promise.all([wakeUps.connect(), writing.connect()]);
    const room = new Room(connection, keys, maxBacklogBytes, metrics);
    const trimmer = new Trimmer(connection, keys, partitions);
    this.opened = {
      connection,
      wakeUps,
      relay,
      room,
      writing,
      appender: new Appender(writing, keys, clock),
      committer: new Committer(writing, keys, clock, relay),
      reader: new Reader(connection, keys),
      standings: new Standings(connection, keys, partitions, clock),
      trimmer,
    };
    // Real timers on purpose: they watch over the machine, not over anything that happens at a time.
    this.timers.push(
      setInterval(() => this.look(room, trimmer).catch(() => undefined), lookMs).unref(),
      setInterval(() => this.waiters.wakeAll(), safetyWakeMs).unref(),
    );
  }

  private async look(room: Room, trimmer: Trimmer): Promise<void> {
    await room.look();
    const removed = room.isCrowded ? await trimmer.makeRoom() : 0;
    if (removed === 0) return;
    this.options.logger.info(
      { removed },
      'Redis is short of memory: the oldest entries, which every stage has worked through, were cut before their time',
    );
  }

  /** Waits for Redis, looks how it is set up, and makes sure that the data there is ours. */
  private async prepare(connection: RedisConnection): Promise<void> {
    const { logger } = this.options;
    for (;;) {
      if (this.stopping.signal.aborted) throw new StreamOpenError('the stream was stopped before Redis was there');
      try {
        await connection.loadScripts();
        const checks = await Promise.all(connection.masters().map((master) => checkServer(master)));
        if (checks.length === 0) throw new Error('no master of the cluster is known yet');
        const refusal = checks.find((check) => check.refusal)?.refusal;
        if (refusal) throw new StreamOpenError(refusal);
        await this.claim(connection);
        for (const note of new Set(checks.flatMap(({ notes }) => notes))) logger.info(note);
        for (const warning of new Set(checks.flatMap(({ warnings }) => warnings))) logger.warn(warning);
        return;
      } catch (error) {
        if (error instanceof StreamOpenError) throw error;
        const { reason } = classifyRedisFailure(error);
        this.waitingFor = connection.problem() ?? reason;
        logger.warn({ reason: this.waitingFor }, 'waiting for Redis');
        await connection.untilReady(retryMs, this.stopping.signal);
      }
    }
  }

  private async claim(connection: RedisConnection): Promise<void> {
    const { format } = this.keys;
    const answer = await connection.run(claimScript, [format], [formatVersion, this.partitions]);
    const [version, partitions] = answer as [string, string];
    if (version !== formatVersion) {
      throw new StreamOpenError(
        `the stream in Redis (${format}) has format ${version}; this release reads ${formatVersion}`,
      );
    }
    if (Number(partitions) !== this.partitions) {
      throw new StreamOpenError(
        `the stream in Redis (${format}) was made with ${partitions} partitions: set STREAM_PARTITIONS=${partitions}, not ${this.partitions}`,
      );
    }
  }

  private mustBeOpen(): Opened {
    if (!this.opened) throw new StreamFailedError('the stream is not open: start() it first');
    return this.opened;
  }
}

interface Opened {
  connection: RedisConnection;
  writing: WritingConnections;
  wakeUps: WakeUps;
  relay: OutboxRelay;
  room: Room;
  appender: Appender;
  committer: Committer;
  reader: Reader;
  standings: Standings;
  trimmer: Trimmer;
}
