import { LRUCache } from 'lru-cache';
import { Packr } from 'msgpackr';
import type { Lane } from '#libs/contracts';
import { DeadlineWheel } from './deadline-wheel.js';
import { type Listening, listened } from './listening.js';
import type { TrackedDevice } from './tracked-device.js';

const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });
const aliveSaveMs = 30_000;

/** What the rules of one lane and partition hold in memory. All of it can be built again from the stream's state. */
export class RulesPartition {
  readonly wheel = new DeadlineWheel();
  readonly devices: LRUCache<string, TrackedDevice>;
  /** Pushed out of memory during the batch under way. */
  readonly evicted = new Map<string, TrackedDevice>();
  /** Devices that the registry changed since the last tick. */
  readonly changed = new Set<string>();
  /** The wheel holds every device that was saved before the start. */
  scanned = false;
  bookVersion = 0;
  batch = 0;
  private listening: Listening | undefined;
  private savedAliveAt = 0;

  constructor(
    readonly lane: Lane,
    readonly partition: number,
    capacity: number,
  ) {
    this.devices = new LRUCache({
      max: capacity,
      dispose: (device, key, reason) => {
        if (reason === 'evict') this.evicted.set(key, device);
      },
    });
  }

  /** Key of the state of a device, or of all of them without one; the lanes of a partition share its state. */
  stateKey(deviceKey = ''): string {
    return `${this.lane === 'urgent' ? 'u' : 'b'}:${deviceKey}`;
  }

  get listeningKey(): string {
    return `${this.lane}-listening`;
  }

  get outages(): Listening['outages'] {
    return this.listening?.outages ?? [];
  }

  /** Takes over what was saved of when the rules were at work. */
  resumeListening(value: Uint8Array | undefined): void {
    if (!value) return;
    const [aliveAt, outages] = packr.unpack(value) as [number, Listening['outages']];
    this.listening = { aliveAt, outages };
    this.savedAliveAt = aliveAt;
  }

  /** Notes that the rules are at work; answers what to save, where it is time to. */
  listen(now: number, outageMs: number): Uint8Array | undefined {
    const before = this.listening;
    this.listening = listened(before, now, outageMs);
    const outage = before !== undefined && this.listening.outages !== before.outages;
    if (!outage && now - this.savedAliveAt < aliveSaveMs) return undefined;
    this.savedAliveAt = now;
    return packr.pack([this.listening.aliveAt, this.listening.outages]);
  }

  /** Makes sure that the device comes up when it is due, and no later. */
  arm(key: string, device: TrackedDevice, notBefore: number): void {
    device.countSilence(this.outages);
    const due = device.rules.nextDue();
    if (due === undefined || (device.armedAt > 0 && device.armedAt <= due + 1000)) return;
    device.armedAt = this.wheel.add(key, Math.max(due, notBefore));
  }
}
