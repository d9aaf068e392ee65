import { resolve } from 'node:path';
import { lanes } from '#libs/contracts';
import type { Clock, Logger } from '#libs/runtime';
import { checkAppend, checkName } from '../entry-check.js';
import { StreamCorruptError, StreamFailedError, StreamUsageError } from '../stream.errors.js';
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
import { AppendSignals } from './append-signals.js';
import { Committer } from './committer.js';
import { type Environment, openEnvironment, readLaneTable, reusableBytes } from './environment.js';
import { GroupWriter } from './group-writer.js';
import { readState, scanState, stateRecords } from './keyed-state.js';
import { acknowledgementKey, entryKey, entryKeyEnd, groupIn, groupKey, laneKey, positionIn } from './keys.js';
import { type LaneTable, lastIn } from './lane-table.js';
import { exportLog, importLog } from './log-copy.js';
import { acknowledgementRecord, protect, readEntry, readStamp } from './stored-value.js';
import { Tail, type TailListener } from './tails.js';
import { readAcknowledgement, Trimmer } from './trimmer.js';

/** What an LMDB stream is opened with. */
export interface LmdbStreamLogOptions {
  /** Folder of the environment; made where missing. */
  path: string;
  /** Fixed at first start; another number refuses to open. */
  partitions: number;
  clock: Clock;
  logger: Logger;
  /** Free disk that is never used up: below it appends are refused until space is freed. */
  reserveBytes: number;
  /** Called once when the log has failed for good: the process must end. */
  onFatal: (error: Error) => void;
  /** Called right before each commit; a test throws from it what a disk would answer. */
  beforeCommit?: () => void;
}

const lookMs = 10_000;
const safetyWakeMs = 2_000;
/** How long after a commit the bulk lane's writes gather for the next: a device's PUBACK waits for one of these. */
const appendPatienceMs = 4;
const stagePatienceMs = 10;

/** The embedded stream: an LMDB environment that any number of threads of one process open. */
export class LmdbStreamLog implements StreamLog {
  readonly partitions: number;
  private readonly path: string;
  private opening: Promise<void> | undefined;
  private opened: Opened | undefined;
  private readonly tails = new Set<Tail>();
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(private readonly options: LmdbStreamLogOptions) {
    this.partitions = options.partitions;
    this.path = resolve(options.path);
  }

  start(): Promise<void> {
    this.opening ??= this.open();
    return this.opening;
  }

  async stop(): Promise<void> {
    await this.opening?.catch(() => undefined);
    const { opened } = this;
    this.opening = undefined;
    this.opened = undefined;
    if (!opened) return;
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    for (const tail of this.tails) tail.stop();
    await opened.committer.close();
    opened.signals.close();
    await opened.environment.root.close();
    opened.environment.lock.release();
  }

  /** What keeps the log from taking appends, undefined when well. */
  problem(): string | undefined {
    return this.opened ? this.opened.committer.problem() : 'the stream is not open';
  }

  async append(entries: readonly Append[], origin: Origin = 'intake'): Promise<void> {
    if (entries.length === 0) return;
    for (const entry of entries) checkAppend(entry, this.partitions);
    const patienceMs = entries.every(({ lane }) => lane === 'bulk') ? appendPatienceMs : 0;
    const kind = origin === 'intake' ? 'append' : 'commit';
    await this.mustBeOpen().committer.write({ kind, patienceMs, appends: entries, enters: true, records: [] });
  }

  async registerGroup(stream: string, group: string): Promise<void> {
    checkName('stream', stream);
    checkName('group', group);
    const { environment, committer } = this.mustBeOpen();
    const key = groupKey(stream, group);
    if (environment.groups.doesExist(key)) return;
    const value = protect(Buffer.from(JSON.stringify({ registeredAt: this.options.clock.now() })));
    await committer.write({ kind: 'commit', appends: [], records: [{ table: environment.groups, key, value }] });
  }

  /** One process has the folder, and runs each stage in one of its threads: all partitions are its own. */
  async join(stream: string, group: string, member: Member): Promise<Membership> {
    checkName('stream', stream);
    checkName('group', group);
    this.mustBeOpen();
    for (let partition = 0; partition < this.partitions; partition++) member.granted(partition);
    return { leave: async () => undefined };
  }

  async read(
    source: Source,
    { after, maxEntries, maxBytes }: { after?: number; maxEntries: number; maxBytes: number },
  ): Promise<Entry[]> {
    const { environment } = this.mustBeOpen();
    environment.root.resetReadTxn();
    const { stream, group, lane, partition } = source;
    const from = after ?? readAcknowledgement(environment, stream, group, lane, partition).position;
    return this.readAfter(source, from, maxEntries, maxBytes);
  }

  async commit({ source, upTo, append, state, givenUp = 0 }: Commit): Promise<void> {
    const { environment, committer } = this.mustBeOpen();
    const { stream, group, lane, partition } = source;
    for (const entry of append) checkAppend(entry, this.partitions);
    const records = stateRecords(environment, group, partition, state);
    if (upTo !== undefined) {
      environment.root.resetReadTxn();
      const before = readAcknowledgement(environment, stream, group, lane, partition);
      const last = this.last(source);
      if (!(upTo >= before.position && upTo <= last)) {
        throw new StreamUsageError(
          `${stream}/${group} ${lane}/${partition}: acknowledging ${upTo} is not between ${before.position} (acknowledged) and ${last} (last)`,
        );
      }
      const key = acknowledgementKey(stream, group, lane, partition);
      const value = acknowledgementRecord({ position: upTo, givenUp: before.givenUp + givenUp });
      records.push({ table: environment.acknowledgements, key, value });
    }
    if (append.length === 0 && records.length === 0) return;
    await committer.write({
      kind: 'commit',
      patienceMs: lane === 'bulk' ? stagePatienceMs : 0,
      appends: append,
      records,
    });
  }

  async readState(group: string, partition: number, keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return readState(this.mustBeOpen().environment, group, partition, keys);
  }

  scanState(group: string, partition: number, prefix: string): AsyncIterable<{ key: string; value: Uint8Array }> {
    return scanState(() => this.mustBeOpen().environment, group, partition, prefix);
  }

  tail(stream: string, listener: TailListener): () => void {
    const { signals, environment } = this.mustBeOpen();
    environment.root.resetReadTxn();
    const source = {
      partitions: this.partitions,
      last: (place: Place) => this.last(place),
      readAfter: (place: Place, after: number, maxEntries: number, maxBytes: number) => {
        if (!this.opened) return [];
        this.opened.environment.root.resetReadTxn();
        return this.readAfter(place, after, maxEntries, maxBytes);
      },
    };
    const tail = new Tail(source, stream, listener, this.options.logger);
    this.tails.add(tail);
    const unlisten = signals.listen((places) => tail.wake(places));
    return () => {
      unlisten();
      tail.stop();
      this.tails.delete(tail);
    };
  }

  waitForAppend(
    streams: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly Place[] | undefined> {
    return this.mustBeOpen().signals.wait(streams, timeoutMs, signal);
  }

  async lag(): Promise<Lag[]> {
    const { environment } = this.mustBeOpen();
    environment.root.resetReadTxn();
    const now = this.options.clock.now();
    const lags: Lag[] = [];
    for (const groupRecord of environment.groups.getKeys({})) {
      const { stream, group } = groupIn(groupRecord);
      for (const lane of lanes) {
        const table = readLaneTable(environment.laneTables, stream, lane, this.partitions);
        for (let partition = 0; partition < this.partitions; partition++) {
          lags.push(this.lagOf({ stream, group, lane, partition }, table, now));
        }
      }
    }
    return lags;
  }

  async trim(retention: readonly Retention[]): Promise<number> {
    const { environment, trimmer } = this.mustBeOpen();
    if (!environment.lock.owned) return 0;
    let removed = 0;
    for (const one of retention) removed += await trimmer.trim(one, this.options.clock.now());
    return removed;
  }

  /** One process has the folder: nobody else is at work on it. */
  export(): AsyncIterable<LogRecord> {
    return exportLog(() => this.mustBeOpen().environment, this.partitions);
  }

  async import(records: AsyncIterable<LogRecord>): Promise<void> {
    await importLog(this.mustBeOpen().environment, this.partitions, records, this.options.clock.now());
  }

  private async open(): Promise<void> {
    const { clock, logger, reserveBytes, onFatal, beforeCommit } = this.options;
    const environment = await openEnvironment(this.path, this.partitions, clock.now(), (message) =>
      logger.warn(message),
    );
    const signals = new AppendSignals(this.path);
    const committer = new Committer(new GroupWriter(environment, this.partitions), {
      path: this.path,
      clock,
      reserveBytes,
      reusableBytes: () => reusableBytes(environment),
      onAppended: (appends) => signals.announce(appends),
      onFatal,
      ...(beforeCommit ? { beforeCommit } : {}),
    });
    const trimmer = new Trimmer(environment, this.partitions, (records) =>
      committer.write({ kind: 'trim', appends: [], records }),
    );
    this.opened = { environment, signals, committer, trimmer };
    // Real timers on purpose: they watch over the machine, not over anything that happens at a time.
    this.timers.push(
      setInterval(() => committer.look(), lookMs).unref(),
      setInterval(() => signals.wakeAll(), safetyWakeMs).unref(),
    );
  }

  private lagOf(source: Source, table: LaneTable, now: number): Lag {
    const { stream, group, lane, partition } = source;
    const { environment } = this.mustBeOpen();
    const { position, givenUp } = readAcknowledgement(environment, stream, group, lane, partition);
    const last = table.last(partition);
    const appended = table.messages(partition);
    const oldest = last > position ? this.stampAt(source, position + 1) : undefined;
    return {
      ...source,
      acknowledged: position,
      last,
      owed: last - position,
      ageMs: oldest ? Math.max(0, now - oldest.appendedAt) : 0,
      messages: {
        appended,
        entered: table.entered(partition),
        acknowledged: oldest?.messagesBefore ?? appended,
        givenUp,
      },
    };
  }

  private mustBeOpen(): Opened {
    if (!this.opened) throw new StreamFailedError('the stream is not open: start() it first');
    return this.opened;
  }

  /** The last position of a place, from the read transaction of this turn. */
  private last({ stream, lane, partition }: Place): number {
    const stored = this.mustBeOpen().environment.laneTables.getBinaryFast(laneKey(stream, lane));
    return stored ? lastIn(stored, partition) : 0;
  }

  /** When the entry was appended, and after how many messages; nothing else of it is looked at. */
  private stampAt({ stream, lane, partition }: Place, position: number): ReturnType<typeof readStamp> | undefined {
    const stored = this.mustBeOpen().environment.entries.getBinaryFast(entryKey(stream, lane, partition, position));
    return stored && readStamp(stored);
  }

  private readAfter(place: Place, after: number, maxEntries: number, maxBytes: number): Entry[] {
    if (this.last(place) <= after) return [];
    const { stream, lane, partition } = place;
    const entries: Entry[] = [];
    let bytes = 0;
    const range = {
      start: entryKey(stream, lane, partition, after + 1),
      end: entryKeyEnd(stream, lane, partition),
      limit: maxEntries,
    };
    try {
      for (const { key, value } of this.mustBeOpen().environment.entries.getRange(range)) {
        const position = positionIn(key);
        entries.push({ position, ...readEntry(value, () => `${stream}/${lane}/${partition}/${position}`) });
        bytes += value.length;
        if (bytes >= maxBytes) break;
      }
    } catch (error) {
      if (error instanceof StreamCorruptError) this.options.onFatal(error);
      throw error;
    }
    return entries;
  }
}

interface Opened {
  environment: Environment;
  signals: AppendSignals;
  committer: Committer;
  trimmer: Trimmer;
}
