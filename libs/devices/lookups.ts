import { LRUCache } from 'lru-cache';
import type { Clock } from '#libs/runtime';

/** Bounds of the questions put to the registry. */
export interface LookupLimits {
  /** The same name is not asked about again for this long. */
  missHoldMs: number;
  /** Most questions in any second. */
  lookupsPerSecond: number;
}

const rememberedNames = 10_000;

/** The registry could not be asked, or did not answer: nobody knows whether there is such a device or product. */
export class RegistryUnansweredError extends Error {
  readonly retryable = true;

  constructor(why: string, options?: ErrorOptions) {
    super(`a question to the registry has no answer yet: ${why}`, options);
    this.name = 'RegistryUnansweredError';
  }
}

/**
 * Asks the registry about single names, so that a device registered a moment ago can connect at once, and so that a flood
 * of wrong logins cannot hammer the registry: one question per name and hold time, so many per second in all, and
 * questions about one name under way are shared. A question too many waits for what `otherwise` finds: a thousand
 * devices registered at once all get in, most of them with the next refresh. "Not there" is only ever the registry's own
 * answer: without one, `RegistryUnansweredError`, so that what cannot be told just now is tried again and never refused.
 */
export class Lookups<T> {
  private readonly asked = new LRUCache<string, number>({ max: rememberedNames });
  private readonly underWay = new Map<string, Promise<T | undefined>>();
  private second = 0;
  private count = 0;

  constructor(
    private readonly limits: LookupLimits,
    private readonly clock: Clock,
    private readonly fetch: (name: string) => Promise<T | undefined>,
    private readonly failed: (error: Error) => void,
    private readonly otherwise: (name: string) => Promise<T | undefined> = () =>
      Promise.reject(new RegistryUnansweredError('too many are asked this second')),
  ) {}

  /** What the registry has under `name`, now or at the next refresh; undefined where it has nothing, or had a moment ago. */
  ask(name: string): Promise<T | undefined> {
    const running = this.underWay.get(name);
    if (running) return running;
    const now = this.clock.now();
    if (this.isHeld(name, now)) return Promise.resolve(undefined);
    if (!this.mayAsk(now)) return this.otherwise(name);
    this.asked.set(name, now);
    const question = this.fetch(name)
      .catch((error: Error) => {
        this.asked.delete(name);
        this.failed(error);
        throw new RegistryUnansweredError(error.message, { cause: error });
      })
      .finally(() => this.underWay.delete(name));
    this.underWay.set(name, question);
    return question;
  }

  private isHeld(name: string, now: number): boolean {
    const last = this.asked.get(name);
    return last !== undefined && now - last < this.limits.missHoldMs && now >= last;
  }

  private mayAsk(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.second) {
      this.second = second;
      this.count = 0;
    }
    if (this.count >= this.limits.lookupsPerSecond) return false;
    this.count += 1;
    return true;
  }
}
