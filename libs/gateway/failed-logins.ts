import { LRUCache } from 'lru-cache';
import type { Clock } from '#libs/runtime';

/** How many failed logins a minute are put up with. */
export interface FailedLoginLimits {
  /** For one device id from one address. */
  perDevice: number;
  /** From one address, whatever the device id. */
  perAddress: number;
}

interface Window {
  failures: number;
  endsAt: number;
}

const windowMs = 60_000;
const rememberedKeys = 50_000;

/**
 * Counts failed logins by address and by (address, device id). Behind one address there may be a carrier's thousands
 * of devices: one that keeps failing locks out itself, long before it would lock out its neighbours.
 */
export class FailedLogins {
  private readonly windows = new LRUCache<string, Window>({ max: rememberedKeys });

  constructor(
    private readonly clock: Clock,
    private readonly limits: FailedLoginLimits,
  ) {}

  /** Milliseconds to wait before the next try is looked at; 0 where it may be made now. */
  waitMs(address: string, id: string): number {
    return Math.max(this.left(address, this.limits.perAddress), this.left(`${address} ${id}`, this.limits.perDevice));
  }

  /** Takes note of a failed login. */
  failed(address: string, id: string): void {
    this.count(address);
    this.count(`${address} ${id}`);
  }

  private left(key: string, limit: number): number {
    const window = this.windows.get(key);
    if (!window || window.failures < limit) return 0;
    return Math.max(0, window.endsAt - this.clock.now());
  }

  private count(key: string): void {
    const now = this.clock.now();
    const window = this.windows.get(key);
    if (window && window.endsAt > now) window.failures++;
    else this.windows.set(key, { failures: 1, endsAt: now + windowMs });
  }
}
