import { DeadlineWheel } from './deadline-wheel.js';
import { chunkOf, PresenceSlots } from './presence-slots.js';

/** Why a device went on- or offline. */
export const presenceCauses = ['message', 'connection', 'silence', 'disabled'] as const;
export type PresenceCause = (typeof presenceCauses)[number];

/** When a device is silent for too long. Seconds. */
export interface PresenceLimits {
  silenceFactor: number;
  reconnectSeconds: number;
}

/** What presence must know of a device. */
export interface PresenceSubject {
  expectedIntervalSeconds: number;
  /** False for a disabled or retired device: it is offline whatever it did before. */
  mayConnect: boolean;
}

/** A device whose presence changed. */
export interface PresenceChange {
  slot: number;
  online: boolean;
  cause: PresenceCause;
}

/**
 * Decides who is online. It holds no clock and does no I/O: `at` is listening time in seconds, `seenAt` and `since` are
 * epoch seconds.
 *
 * A connection and every message are signs of life. A disconnect is none, and by itself no sign of death: a meter over
 * NB-IoT or HTTP never stays connected. Two limits apply to listening time without life:
 * - `silenceFactor` expected intervals, for everybody, connected or not: a device that hangs keeps its connection, and a
 *   gateway that was killed never tells of a disconnect;
 * - `reconnectSeconds` after the last session ended, for a device that once held a session for longer than its expected
 *   interval, and has not reported without one since: it is one that stays connected, so its absence says something at once.
 */
export class PresenceBook {
  /** What is known of each device, by slot. */
  readonly slots = new PresenceSlots();
  private readonly wheel = new DeadlineWheel();
  private changes: PresenceChange[] = [];

  constructor(
    private readonly limits: PresenceLimits,
    private readonly subject: (deviceKey: string) => PresenceSubject,
  ) {}

  /** A message of the device. */
  heard(deviceKey: string, at: number, seenAt: number): void {
    const slot = this.slots.find(deviceKey);
    if (slot === undefined || this.slots.online[slot] === 0) {
      this.appear(slot ?? this.slots.add(deviceKey), at, seenAt, 'message');
      return;
    }
    // It reports without a session now (over HTTP, or another broker), so having none says nothing of it any more.
    if (this.slots.sessions[slot] === 0) this.slots.holdsSession[slot] = 0;
    this.live(slot, at, seenAt);
  }

  /** A session of the device began. */
  connected(deviceKey: string, at: number, seenAt: number): void {
    const { slots } = this;
    const slot = slots.find(deviceKey) ?? slots.add(deviceKey);
    // Sessions are counted: a device that takes over its own session connects before the old one ends.
    if (slots.sessions[slot] === 0) slots.sessionSince[slot] = at;
    slots.sessions[slot] = Math.min(255, (slots.sessions[slot] ?? 0) + 1);
    if (slots.online[slot] === 0) this.appear(slot, at, seenAt, 'connection');
    else this.live(slot, at, seenAt);
  }

  /** A session of the device ended. */
  disconnected(deviceKey: string, at: number): void {
    const { slots } = this;
    const slot = slots.find(deviceKey);
    if (slot === undefined || slots.sessions[slot] === 0) return;
    slots.sessions[slot] = (slots.sessions[slot] ?? 1) - 1;
    slots.dirty[chunkOf(slot)] = 1;
    if (slots.sessions[slot] !== 0) return;
    const held = at - (slots.sessionSince[slot] ?? at);
    if (held >= this.subject(deviceKey).expectedIntervalSeconds) slots.holdsSession[slot] = 1;
    slots.disconnected[slot] = at;
    if (slots.online[slot] !== 0) this.schedule(slot, at);
  }

  /** The device's interval or status may have changed. */
  reconsider(deviceKey: string, at: number): void {
    const slot = this.slots.find(deviceKey);
    if (slot !== undefined && this.slots.online[slot] !== 0) this.schedule(slot, at);
  }

  /** Plans a look at every device that is online, after loading. */
  scheduleAll(at: number): void {
    for (let slot = 0; slot < this.slots.size; slot += 1) if (this.slots.online[slot] !== 0) this.schedule(slot, at);
  }

  /** Finds out who has been silent for too long, looking at no more than `most` devices; `now` in epoch seconds. */
  passTime(at: number, now: number, most: number): void {
    const { slots } = this;
    for (const slot of this.wheel.take(at, most)) {
      if (slots.online[slot] === 0) continue;
      const end = this.end(slot);
      if (at >= end.at) this.vanish(slot, now, end.cause);
      else this.wheel.put(slot, end.at);
    }
  }

  /** What changed since the last call. */
  takeChanges(): PresenceChange[] {
    const taken = this.changes;
    this.changes = [];
    return taken;
  }

  private appear(slot: number, at: number, seenAt: number, cause: PresenceCause): void {
    // What a disabled device sent before it was disabled does not bring it back.
    if (!this.subject(this.slots.keyOf(slot)).mayConnect) return;
    this.slots.online[slot] = 1;
    this.slots.since[slot] = seenAt;
    this.live(slot, at, seenAt);
    this.change(slot, cause);
    this.schedule(slot, at);
  }

  private vanish(slot: number, now: number, cause: PresenceCause): void {
    this.slots.online[slot] = 0;
    this.slots.since[slot] = now;
    // A session that nobody ended is forgotten: its gateway may be gone.
    this.slots.sessions[slot] = 0;
    this.change(slot, cause);
  }

  private live(slot: number, at: number, seenAt: number): void {
    this.slots.seen[slot] = at;
    this.slots.lastSeenAt[slot] = seenAt;
    this.slots.dirty[chunkOf(slot)] = 1;
  }

  private change(slot: number, cause: PresenceCause): void {
    this.slots.cause[slot] = presenceCauses.indexOf(cause);
    this.slots.dirty[chunkOf(slot)] = 1;
    this.changes.push({ slot, online: this.slots.online[slot] !== 0, cause });
  }

  private schedule(slot: number, at: number): void {
    this.wheel.put(slot, Math.max(at, this.end(slot).at));
  }

  /** When the device counts as offline unless it is heard from, and why. */
  private end(slot: number): { at: number; cause: PresenceCause } {
    const { slots, limits } = this;
    const subject = this.subject(slots.keyOf(slot));
    if (!subject.mayConnect) return { at: 0, cause: 'disabled' };
    const seen = slots.seen[slot] ?? 0;
    const silence = seen + Math.ceil(limits.silenceFactor * subject.expectedIntervalSeconds);
    const gone = slots.sessions[slot] === 0 && slots.holdsSession[slot] !== 0;
    const disconnect = gone ? Math.max(seen, slots.disconnected[slot] ?? 0) + limits.reconnectSeconds : silence;
    return disconnect < silence ? { at: disconnect, cause: 'connection' } : { at: silence, cause: 'silence' };
  }
}
