import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { PlatformError } from '#libs/runtime';

/** OWASP's first choice for argon2id: 19 MiB, 2 passes. */
const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Each takes a core for tens of milliseconds: more at a time would starve everything else. */
const maxConcurrent = 2;
const maxWaiting = 50;

/** Hashes and verifies passwords, a few at a time. */
@Injectable()
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private decoy: Promise<string> | undefined;

  hash(password: string): Promise<string> {
    return this.bounded(() => hash(password, argon2id));
  }

  /** Takes as long for an account that does not exist (`stored` undefined) as for one that does. */
  async verify(stored: string | undefined, password: string): Promise<boolean> {
    this.decoy ??= this.hash('an account that does not exist');
    const against = stored ?? (await this.decoy);
    const matches = await this.bounded(() => verify(against, password));
    return matches && stored !== undefined;
  }

  /** Throws 503 `login_busy` when too many wait already. */
  private async bounded<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= maxConcurrent) {
      if (this.waiting.length >= maxWaiting) {
        throw new PlatformError(503, 'login_busy', 'Too many log-ins at once. Try again.', {}, { 'retry-after': '5' });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.running++;
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
