import type { KnownDevice } from '#libs/devices';
import { DeviceRules, type Withdrawn } from './device-rules.js';
import type { KeptDevice } from './device-state.js';
import { type Outage, seenWhileListening } from './listening.js';
import type { RuleBook } from './rule-book.js';

const shortestSeenStepMs = 60_000;

/** A device in memory: its rules, when it is due, and what of it is saved already. */
export class TrackedDevice {
  readonly rules: DeviceRules;
  /** The entry of the deadline wheel that counts; 0 for none. */
  armedAt = 0;
  /** The batch that touched it last. */
  touchedBy = 0;
  private bookVersion: number;
  private savedAt = 0;
  private savedSeenAt = 0;
  /** What was saved of when it was heard from. Until it is heard from again, it may in truth have been later by a step. */
  private resumedSeenAt = 0;

  constructor(
    private device: KnownDevice,
    private readonly book: RuleBook,
  ) {
    const { expectedIntervalMs, settings, building } = device;
    this.rules = new DeviceRules(book.planFor(device), expectedIntervalMs, settings, building);
    this.bookVersion = book.version;
  }

  get known(): KnownDevice {
    return this.device;
  }

  /** Goes on from what was saved. Answers what is withdrawn. */
  resume(kept: KeptDevice): Withdrawn[] {
    const withdrawn = this.rules.resume(kept);
    this.savedSeenAt = kept.seenAt;
    this.resumedSeenAt = kept.seenAt;
    return withdrawn;
  }

  /** The registry changed the device: its rules are looked up again before it is judged. */
  replace(device: KnownDevice): void {
    this.device = device;
    this.bookVersion = -1;
  }

  /** Takes over changed rules and facts. Answers what is withdrawn. */
  refresh(): readonly Withdrawn[] {
    if (this.bookVersion === this.book.version) return none;
    this.bookVersion = this.book.version;
    this.rules.expectedIntervalMs = this.device.expectedIntervalMs;
    this.rules.settings = this.device.settings;
    return this.rules.replan(this.book.planFor(this.device), this.device.building);
  }

  /** Counts silence from when the device was last heard from, less what nobody could hear. */
  countSilence(outages: readonly Outage[]): void {
    const { rules } = this;
    if (rules.seenAt === 0) return;
    const slackMs = rules.seenAt === this.resumedSeenAt ? this.seenStepMs : 0;
    rules.silentSince = seenWhileListening(rules.seenAt + slackMs, outages);
  }

  /**
   * The state where it is time to save it: at once where a verdict depends on it, else at most every `intervalMs`; that the
   * device was heard from, once per expected interval.
   */
  stateToSave(now: number, intervalMs: number): Buffer | undefined {
    const { rules } = this;
    const due =
      rules.material ||
      (rules.dirty && now - this.savedAt >= intervalMs) ||
      (rules.currentPlan.absences.length > 0 && rules.seenAt - this.savedSeenAt >= this.seenStepMs);
    return due ? this.encode(now) : undefined;
  }

  /** The state where anything of it is not saved yet. */
  unsavedState(now: number): Buffer | undefined {
    const { rules } = this;
    const heard = rules.currentPlan.absences.length > 0 && rules.seenAt > this.savedSeenAt;
    return rules.dirty || rules.material || heard ? this.encode(now) : undefined;
  }

  private encode(now: number): Buffer {
    this.savedAt = now;
    this.savedSeenAt = this.rules.seenAt;
    return this.rules.encode();
  }

  private get seenStepMs(): number {
    return Math.max(shortestSeenStepMs, this.device.expectedIntervalMs);
  }
}

const none: readonly Withdrawn[] = [];
