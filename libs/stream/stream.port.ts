import type { Lane } from '#libs/contracts';

/** Injection token of the stream port. */
export const STREAM = Symbol('stream');

/** One entry to append: an encoded group of messages of one partition. */
export interface Append {
  stream: string;
  lane: Lane;
  partition: number;
  data: Uint8Array;
}

/**
 * Whence an append comes. What `intake` brings can wait where it comes from, and is refused first where room runs short;
 * what the `platform` passes on it has answered for already, and it is taken for as long as the commits of stages are.
 */
export type Origin = 'intake' | 'platform';

/** One partition of one lane of a stream. */
export interface Place {
  stream: string;
  lane: Lane;
  partition: number;
}

/** One entry as read. `position` grows by at least one per entry within (stream, lane, partition), from 1. */
export interface Entry {
  position: number;
  /** Epoch milliseconds. */
  appendedAt: number;
  /** Messages of the place since ever (`rowsIn` of each entry) before this entry: trimming changes nothing of it. */
  messagesBefore: number;
  /** Valid until the next await only where the adapter maps memory; copy what must live longer. */
  data: Uint8Array;
}

/** A place in the flow: which entries a group works through, in order. */
export interface Source {
  stream: string;
  group: string;
  lane: Lane;
  partition: number;
}

/**
 * A change of keyed state of a group's partition; `value` undefined removes the key. Keys are at most 200 bytes.
 * Two stages of one group, on two streams, are owned apart: each keeps keys of its own.
 */
export interface StateChange {
  key: string;
  value: Uint8Array | undefined;
}

/** What a stage did with the entries up to `upTo`: all of it is kept, or none of it. */
export interface Commit {
  source: Source;
  /** The position of the last entry worked through; undefined keeps the acknowledgement where it is (a timer's commit). */
  upTo: number | undefined;
  append: readonly Append[];
  state: readonly StateChange[];
  /** Messages, of those acknowledged, that the stage cannot take: they are among `append` as dead letters. */
  givenUp?: number;
}

/** Messages of a place, each counted since ever: what has been trimmed is in all of them. */
export interface MessageCounts {
  /** Appended to the place, by whomever. */
  appended: number;
  /** Of these, what `append` brought, and not the commit of a stage: what came into the flow here. */
  entered: number;
  /** Up to the position that the group has acknowledged. */
  acknowledged: number;
  /** Of these, what its stage gave up on. */
  givenUp: number;
}

/** How far a group is behind. */
export interface Lag {
  stream: string;
  group: string;
  lane: Lane;
  partition: number;
  acknowledged: number;
  last: number;
  /** How many entries it has not acknowledged: positions may have gaps. */
  owed: number;
  /** Age of the oldest unacknowledged entry in milliseconds, 0 where there is none. */
  ageMs: number;
  messages: MessageCounts;
}

/** How much of a stream is kept. Never cuts an entry that a registered group has not acknowledged. */
export interface Retention {
  stream: string;
  maxAgeMs: number;
  maxBytes: number;
}

/** One process's part in the work of a group of a stream: the log tells it which partitions are its own, both lanes of each. */
export interface Member {
  /** The partition is this member's until it is revoked or lost. */
  granted(partition: number): void;
  /** Another member is to have it. Resolves when what was under way has been committed and nothing more will be. */
  revoked(partition: number): Promise<void>;
  /** Another member may have it already: nothing more of it will be kept. Comes after a refused commit, too. */
  lost(partition: number): void;
}

/** A member's place in its group. */
export interface Membership {
  /** Gives up what the member still owns, and the place. Let what is under way end first: what is committed later is refused. */
  leave(): Promise<void>;
}

/** A piece of what a log holds, for a backup, the same for every engine. */
export type LogRecord =
  /** The first one: whether the log is here as it was, or only where it ended. */
  | { kind: 'extent'; whole: boolean }
  /** Where a place ends. Its entries after what all groups have acknowledged follow, and nothing older. */
  | (Place & { kind: 'place'; last: number } & Pick<MessageCounts, 'appended' | 'entered'>)
  | ({ kind: 'group' } & Pick<Source, 'stream' | 'group'>)
  | (Source & { kind: 'acknowledged'; position: number; givenUp: number })
  | (Place & Entry & { kind: 'entry' })
  | { kind: 'state'; group: string; partition: number; key: string; value: Uint8Array };

/**
 * A durable partitioned log with keyed state. Implementations: LMDB (embedded), Redis Streams (server).
 * Any number of processes or threads may append to a stream. The members of a group share its partitions: each has one
 * owner at a time, and only the owner's commits are kept. Without members, whoever works for a group sees to it himself.
 */
export interface StreamLog {
  /** Fixed at first start. */
  readonly partitions: number;

  /**
   * Resolves once every entry is durable (fsync). Rejects with `StreamUnavailableError` where nothing was kept, and names the
   * places in it that take nothing where it is only some; a log that stops or fails meanwhile may have kept those of some
   * partitions, each partition's all or none. Appends of one caller and origin keep their order within a partition. `origin`
   * is `intake` unless given.
   */
  append(entries: readonly Append[], origin?: Origin): Promise<void>;

  /** Makes `group` known to the stream: from then on nothing it has not acknowledged is trimmed. Idempotent. */
  registerGroup(stream: string, group: string): Promise<void>;

  /**
   * Takes part in the work of a group. Members of all processes share its partitions evenly; one that goes, or is not
   * heard of, is replaced. A log has one member per group and stream at a time.
   */
  join(stream: string, group: string, member: Member): Promise<Membership>;

  /** Entries after the group's acknowledged position, or after `after` where given; at most `maxEntries` and about `maxBytes`. */
  read(source: Source, options: { after?: number; maxEntries: number; maxBytes: number }): Promise<Entry[]>;

  /**
   * Output, state and acknowledgement together, durable when it resolves. Rejects with `StreamFencedError` where another
   * member owns the partition: nothing was kept.
   */
  commit(commit: Commit): Promise<void>;

  /** Values of keys of a group's partition, in order; undefined where there is none. */
  readState(group: string, partition: number, keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;

  /** Every key of a group's partition that starts with `prefix`, in key order. */
  scanState(group: string, partition: number, prefix: string): AsyncIterable<{ key: string; value: Uint8Array }>;

  /** Calls `listener` for each entry appended from now on, in order per partition; no group, no redelivery. Returns the way to stop. */
  tail(stream: string, listener: (entry: Entry & { lane: Lane; partition: number }) => void): () => void;

  /**
   * Resolves when something may have been appended to one of `streams` since the last call with the same `signal`, or
   * after `timeoutMs`, or when `signal` aborts. Gives the places to look at: none after a timeout, undefined for any
   * (the first call always). One waiter, one signal: abort it when the waiting is over for good.
   */
  waitForAppend(
    streams: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly Place[] | undefined>;

  /** How far every registered group is, everywhere; all streams of one partition as they were at one moment. */
  lag(): Promise<Lag[]>;

  /**
   * Cuts what retention no longer keeps; returns how many entries went. Where several threads or processes share the log,
   * one of them cuts and the others answer 0.
   */
  trim(retention: readonly Retention[]): Promise<number>;

  /**
   * What a log must hold to go on elsewhere where this one stands, places before entries. Of a log that other processes are at work
   * on, only where it ends, as if all had been acknowledged: the rest changes while it is read.
   */
  export(): AsyncIterable<LogRecord>;

  /** Replaces all that the log holds by what `export` of a log of as many partitions gave. Nobody else may use it meanwhile. */
  import(records: AsyncIterable<LogRecord>): Promise<void>;

  /** Idempotent. */
  start(): Promise<void>;
  /** Finishes what was handed over, then lets go. */
  stop(): Promise<void>;
}
