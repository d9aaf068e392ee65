import type { FrameOutcome, Lane, NormalisedMessage, Reading } from '#libs/contracts';

/** Injection token of the telemetry-store port. */
export const TELEMETRY_STORE = Symbol('telemetry-store');

/** One `readings` entry for the store, still encoded, with where it stands in the stream. */
export interface StoreBatch {
  lane: Lane;
  partition: number;
  position: number;
  /** Messages of the place since ever before this entry, as the stream counts them. */
  messagesBefore: number;
  /** As `encodeNormalisedMessages` wrote it. */
  data: Uint8Array;
}

/** What a batch brought; all 0 where it had been stored before. */
export interface StoredBatch {
  messages: number;
  readings: number;
  /** When its oldest message was received, epoch milliseconds. */
  oldestReceivedAt: number;
  /** What the store cannot hold, whatever is done: for dead letters. Not in the numbers above. */
  refused?: readonly RefusedMessage[];
}

/** How far a (lane, partition) is stored, and its messages since ever: what was deleted by age later is in all of them. */
export interface StoredUpTo {
  lane: Lane;
  partition: number;
  position: number;
  /** Messages that the stream has up to this position. */
  passed: number;
  /** Of these, messages that are in the ledger or have been. */
  messages: number;
  /** Of those in the ledger, messages that the normaliser rejected. */
  rejected: number;
  /** Messages that the ledger cannot hold. */
  refused: number;
  /** A release that did not count stored it, and nothing has come since: the counts above say nothing. */
  uncounted?: true;
}

/** A part of a message that the store cannot hold. */
export interface RefusedMessage {
  /** The message with nothing but the readings that were refused: none where it is its frame. */
  message: NormalisedMessage;
  readings: number;
  /** Why, for a person. */
  detail: string;
}

/** A stored reading. Times are epoch milliseconds. */
export interface StoredReading extends Reading {
  deviceKey: string;
  observedAt: number;
  receivedAt: number;
  storedAt: number;
  deviceTime?: number;
  seq?: number;
  revision: number;
  messageId: string;
}

/** What `after.seq` is for a reading without a sequence number. Sorts before every sequence number. */
export const withoutSequence = Number.MIN_SAFE_INTEGER;

/** A stored frame: what a device sent, byte for byte, and what became of it. */
export interface StoredFrame {
  messageId: string;
  deviceKey: string;
  productKey: string;
  productVersion: number;
  receivedAt: number;
  storedAt: number;
  outcome: FrameOutcome;
  reason: string;
  decoder: string;
  bytes: Uint8Array;
}

/** What a series is made of: readings themselves, or their roll-ups of an hour or of a local day. */
export const resolutions = ['reading', 'hour', 'day'] as const;
export type Resolution = (typeof resolutions)[number];

/** A time of each resolution, epoch milliseconds. */
export type TimeOfResolution = Readonly<Record<Resolution, number>>;

/** Half-open time range in epoch milliseconds: from <= t < to. */
export interface TimeRange {
  from: number;
  to: number;
}

export const aggregations = ['min', 'max', 'mean', 'sum', 'count', 'last', 'increase'] as const;
export type Aggregation = (typeof aggregations)[number];

/** One bucket of a downsampled series; `value` null where the bucket holds no reading (silence is not zero). */
export interface Bucket {
  at: number;
  value: number | null;
}

/**
 * Where readings and frames are kept. Implementations: DuckDB (embedded), InfluxDB (server).
 * Appends are made exactly-once by the stream position, which is kept in the same transaction: a batch at or below the
 * stored position of its (lane, partition) is ignored.
 */
export interface TelemetryStore {
  start(): Promise<void>;
  stop(): Promise<void>;

  /** What keeps the store from serving, in words; undefined where nothing does. */
  problem(): Promise<string | undefined>;

  /**
   * Durable when it resolves, with what each batch brought. Batches of one (lane, partition) come in order of position. An
   * error with `retryable: true` is the store's trouble; any other is the batch's.
   */
  append(batches: readonly StoreBatch[]): Promise<StoredBatch[]>;

  /** The highest position stored of each (lane, partition), and what there was up to it, counted in the same commit. */
  positions(): Promise<StoredUpTo[]>;

  /** The latest reading by `observedAt` of every metric of each device; from memory. Devices without any are absent. */
  latest(deviceKeys: readonly string[]): Promise<Map<string, StoredReading[]>>;

  /** Readings of one device in order of (observedAt, seq); a higher revision of an identity hides the lower. */
  range(query: {
    deviceKey: string;
    metrics?: readonly string[];
    range: TimeRange;
    limit: number;
    /**
     * Continue after this reading; `seq` is `withoutSequence` where it has none, and `messageId` tells readings apart that
     * differ by their message alone.
     */
    after?: { observedAt: number; metric: string; seq: number; messageId?: string };
  }): Promise<StoredReading[]>;

  /**
   * Buckets of `stepMs`, aligned to `originMs`, for one metric of each device. Readings that are `unjudgeable` do not count;
   * booleans count as 0 and 1; strings and objects have no value, and are only counted. `increase` is a counter's growth
   * since the reading before, in the bucket of the later reading: a fall below half of the value before means that the
   * counter began again from 0, a smaller fall (backflow, a correction) counts as it is, negative.
   * The answer is the one from readings, also where roll-ups give it. Where readings are no longer kept, a roll-up counts in
   * the bucket that it begins in; steps that are too fine for what is kept reject with 400 `telemetry_resolution_gone`.
   */
  downsample(query: {
    deviceKeys: readonly string[];
    metric: string;
    range: TimeRange;
    stepMs: number;
    originMs: number;
    aggregation: Aggregation;
  }): Promise<Map<string, Bucket[]>>;

  /** Frames of one device, newest first. */
  frames(query: {
    deviceKey: string;
    range: TimeRange;
    limit: number;
    /** Continue before this frame. */
    before?: { receivedAt: number; messageId: string };
  }): Promise<StoredFrame[]>;

  /** One frame by its message id, or undefined. */
  frame(deviceKey: string, messageId: string): Promise<StoredFrame | undefined>;

  /**
   * Brings roll-ups up to date, newest day first; called now and then, by one process at a time. Ends early when `goOn`, which
   * is asked between parts, says so. Does nothing where the store rolls up by itself.
   */
  rollUp(goOn: () => boolean): Promise<void>;

  /**
   * Deletes readings observed and frames received before `before.reading`, and roll-ups of hours and of days from before
   * theirs, in whole days: the day that a time lies in stays. What goes has been rolled up. Returns how many days of readings
   * and frames went.
   */
  deleteBefore(before: TimeOfResolution): Promise<number>;

  /** Empties the store, so that it can be rebuilt from the stream. */
  clear(): Promise<void>;

  /**
   * The next piece of everything that is stored, for a backup: encoded, the same for every engine (`StoredPart`), a few
   * megabytes at most. Undefined after the last one, which holds the positions. One at a time: `begin` starts a new one. What
   * is stored meanwhile may or may not be in it. Roll-ups are in it where their readings are gone; all others are made again.
   */
  exportPart(begin: boolean): Promise<Uint8Array | undefined>;

  /** Stores such a piece, durable when it resolves. In a store that holds nothing but pieces of the same backup, in their order. */
  importPart(part: Uint8Array): Promise<void>;
}
