import type { MessagePort } from 'node:worker_threads';
import { PlatformError } from '#libs/runtime';
import { StoreUnavailable } from '../telemetry-store.errors.js';
import type { StoreFailure, StoreReply, StoreRequest } from './store-protocol.js';

/** Most requests on their way; others wait. */
const maxInFlight = 256;
const maxWaiting = 4_096;

const busy = {
  status: 503,
  code: 'telemetry_store_busy',
  message: 'The telemetry store has more to do than it can queue.',
};

interface Pending {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** One thread's end of the line to the store: requests with numbers, bounded in number and in time. */
export class StoreClient {
  private readonly pending = new Map<number, Pending>();
  private readonly waiting: (() => void)[] = [];
  private nextId = 1;
  private closed = false;

  constructor(
    private readonly port: MessagePort,
    /** Called once when the other end is gone. */
    private readonly onClose: () => void,
  ) {
    port.on('message', (reply: StoreReply) => this.settle(reply));
    port.on('close', () => this.abandon());
    port.unref();
  }

  /** `transfer`: buffers that change hands instead of being copied. */
  async request<T>(request: StoreRequest, timeoutMs: number, transfer: readonly ArrayBuffer[] = []): Promise<T> {
    if (this.pending.size >= maxInFlight) await this.turn();
    if (this.closed) throw new StoreUnavailable('The telemetry store is being opened again.');
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new StoreUnavailable(`The telemetry store did not answer within ${timeoutMs} ms.`));
        this.waiting.shift()?.();
      }, timeoutMs);
      this.pending.set(id, { resolve: resolve as (value: never) => void, reject, timer });
      this.port.ref();
      this.port.postMessage({ id, ...request }, transfer);
    });
  }

  close(): void {
    this.port.close();
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= maxWaiting) {
      throw errorOf({ ...busy, retryable: true });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private settle(reply: StoreReply): void {
    const pending = this.pending.get(reply.id);
    if (!pending) return;
    this.pending.delete(reply.id);
    clearTimeout(pending.timer);
    if ('failure' in reply) pending.reject(errorOf(reply.failure));
    else pending.resolve(reply.value as never);
    if (this.pending.size === 0) this.port.unref();
    this.waiting.shift()?.();
  }

  private abandon(): void {
    if (this.closed) return;
    this.closed = true;
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(new StoreUnavailable('The telemetry store stopped before it answered.'));
    }
    this.pending.clear();
    for (const resume of this.waiting.splice(0)) resume();
    this.onClose();
  }
}

/** The error that crossed the line, with `retryable` for stages to see. */
function errorOf({ status, code, message, retryable }: StoreFailure): Error {
  const known = status !== undefined && code !== undefined;
  const error = known
    ? new PlatformError(status, code, message, {}, status === 503 ? { 'retry-after': '5' } : {})
    : new Error(message);
  return Object.assign(error, { retryable });
}
