import type { MessagePort } from 'node:worker_threads';
import type { NormalisedMessage } from '#libs/contracts';
import type { StoreBatch, TelemetryStore } from '../telemetry-store.port.js';
import type { MessagePlace } from './reading-rows.js';

/** What the thread that owns DuckDB is started with. */
export interface StoreOptions {
  /** Folder of the store. */
  folder: string;
  timeZone: string;
  memoryMb: number;
  queryTimeoutMs: number;
  queryConcurrency: number;
  /** Rows after which an open part is sealed and sorted. */
  partRows: number;
  /** Where it is written down how many rows questions scan, if anybody wants to know. */
  profileFolder?: string;
}

/** How far a source is stored, and what there was up to it. */
export interface Cursor {
  position: number;
  passed: number;
  messages: number;
  rejected: number;
  /** Stored by a release that did not count: the next entry says what there was before it. */
  uncounted: boolean;
}

/** One decoded `readings` entry. */
export interface DecodedBatch {
  source: number;
  /** As it is once the entry is stored. */
  cursor: Cursor;
  messages: NormalisedMessage[];
  /** Where each message came from: an id that is none is found before anything is written. */
  places: MessagePlace[];
}

/** Entries on their way to the store: where each lies in `data`, one buffer that changes hands. */
export interface AppendRequest {
  method: 'append';
  /** Epoch milliseconds by the caller's clock. */
  now: number;
  batches: (Omit<StoreBatch, 'data'> & { offset: number; bytes: number })[];
  data: Uint8Array;
}

type Query = Exclude<keyof TelemetryStore, 'start' | 'stop' | 'problem' | 'append'>;

/** A call of the port, as its arguments. */
export type QueryRequest = { [M in Query]: { method: M; args: Parameters<TelemetryStore[M]> } }[Query];

/** The owner's word that time has passed: seal, sort, snapshot. */
export interface MaintainRequest {
  method: 'maintain';
  now: number;
}

export type StoreRequest = AppendRequest | QueryRequest | MaintainRequest;
export type StoreMessage = { id: number } & StoreRequest;

/** An error as it crosses between threads. */
export interface StoreFailure {
  message: string;
  /** Set where the caller is at fault or should come back later: a `PlatformError`. */
  status?: number;
  code?: string;
  /** Nothing is wrong with the request. */
  retryable: boolean;
}

export type StoreReply = { id: number; value: unknown } | { id: number; failure: StoreFailure };

/** Between the owner and its worker, besides requests. */
export type OwnerMessage = { kind: 'connect'; port: MessagePort } | { kind: 'stop' };
export type WorkerMessage =
  | { kind: 'ready' }
  | { kind: 'stopped' }
  | { kind: 'refused'; message: string }
  | { kind: 'broken'; message: string };

/** Said on the channel named after the folder, where threads find the one that owns DuckDB. */
export type Greeting = { kind: 'seeking' } | { kind: 'serving'; threadId: number };

/** The channel's name for a store's folder. */
export function channelOf(folderHash: string): string {
  return `citysense.telemetry.${folderHash}`;
}
