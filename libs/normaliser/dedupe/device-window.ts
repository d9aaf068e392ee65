import type { Report } from '#libs/contracts';
import { hashContent, hashName, mix } from './fingerprint.js';

/** How much of a device's past is remembered. */
export interface WindowLimits {
  /** Identities per device. */
  identities: number;
  /** For how long the same sequence number with the same content and no usable time counts as resent. */
  resendMs: number;
}

/**
 * What became of a report: new, seen before, or seen before with other values and no higher revision (`conflict`).
 * `partial` is new, and readings seen before were taken out of it.
 */
export type Verdict = 'new' | 'partial' | 'duplicate' | 'conflict';

const version = 1;
const headerWords = 5;
/** Per identity: two words of its hash, one of its content's, one of set index (8 bits) and revision (24 bits). */
const entryWords = 4;
const maxSets = 16;
const maxNames = 256;
const noSeq = 0.5;
const kinds = { timed: 1, resent: 2, payload: 3 } as const;

const float = new Float64Array(1);
const floatWords = new Uint32Array(float.buffer);
let identityHigh = 0;
let identityLow = 0;

/**
 * The identities a device reported lately: a ring of (observedAt, seq), each with the set of metrics it covered, its
 * revision and a hash of its content. About 1 KB when full. A reading's identity names its metric too, so two messages
 * of one time stamp with different metrics are both new.
 */
export class DeviceWindow {
  changed = false;
  private highTime = Number.NEGATIVE_INFINITY;
  private highSeq = Number.NEGATIVE_INFINITY;
  private count = 0;
  private next = 0;
  private words = new Uint32Array(4 * entryWords);
  private sets: Uint32Array[] = [];

  constructor(private readonly limits: WindowLimits) {}

  /**
   * Judges a report and remembers it. `time` is the device's own time where it is believed; with neither a time nor a
   * sequence number there is no identity, and the report is always new. A clock that is not believed is no identity
   * either: after a restart it would repeat itself. Takes readings and the event out of `report` that were seen before.
   */
  admit(report: Report, time: number | undefined, receivedAt: number): Verdict {
    if (time === undefined) return report.seq === undefined ? 'new' : this.admitUntimed(report, report.seq, receivedAt);
    identify(kinds.timed, time, report.seq ?? noSeq, 0);
    if (time > this.highTime) {
      this.highTime = time;
      this.changed = true;
      this.push(this.setOf(report), report.revision, hashContent(report.readings));
      return 'new';
    }
    return this.admitSeenTime(report);
  }

  /** True where a message of this very payload was remembered. */
  knowsPayload(digestHigh: number, digestLow: number): boolean {
    identify(kinds.payload, digestHigh, digestLow, 0);
    return this.find(0) >= 0;
  }

  /** Remembers a message of many reports by its payload: it may be longer than the window. To be called after its reports. */
  rememberPayload(digestHigh: number, digestLow: number): void {
    const set = this.setIndex([]);
    identify(kinds.payload, digestHigh, digestLow, 0);
    this.changed = true;
    this.push(set, 0, 0);
  }

  private admitUntimed(report: Report, seq: number, receivedAt: number): Verdict {
    const content = hashContent(report.readings) ^ (report.event === undefined ? 0 : hashName(report.event));
    const slot = Math.floor(receivedAt / this.limits.resendMs);
    if (seq <= this.highSeq) {
      for (const candidate of [slot, slot - 1]) {
        identify(kinds.resent, candidate, seq, content);
        if (this.find(0) >= 0) return 'duplicate';
      }
    } else this.highSeq = seq;
    identify(kinds.resent, slot, seq, content);
    this.changed = true;
    this.push(this.setIndex([]), 0, content);
    return 'new';
  }

  private admitSeenTime(report: Report): Verdict {
    const covered = new Set<number>();
    const content = hashContent(report.readings);
    const names = namesOf(report);
    let sameContent = false;
    let sameNames = false;
    for (let at = this.find(0); at >= 0; at = this.find(at + 1)) {
      const packed = this.words[at * entryWords + 3] as number;
      if ((packed & 0xff_ffff) < report.revision) continue;
      const set = this.sets[packed >>> 24] ?? new Uint32Array();
      for (const name of set) covered.add(name);
      if ((packed & 0xff_ffff) === report.revision && equal(set, names)) {
        sameNames = true;
        sameContent ||= this.words[at * entryWords + 2] === content;
      }
    }
    if (names.every((name) => covered.has(name))) return sameNames && !sameContent ? 'conflict' : 'duplicate';
    const before = names.length;
    if (covered.size > 0) this.takeOut(report, covered);
    this.changed = true;
    this.push(this.setOf(report), report.revision, hashContent(report.readings));
    return namesOf(report).length < before ? 'partial' : 'new';
  }

  private takeOut(report: Report, covered: ReadonlySet<number>): void {
    report.readings = report.readings.filter((reading) => !covered.has(hashName(reading.metric)));
    if (report.event !== undefined && covered.has(hashName(eventName(report.event)))) delete report.event;
  }

  /** Index of the first entry of the identity last computed, from `start`; -1 where there is none. */
  private find(start: number): number {
    const { words, count } = this;
    for (let at = start; at < count; at += 1) {
      if (words[at * entryWords] === identityHigh && words[at * entryWords + 1] === identityLow) return at;
    }
    return -1;
  }

  private push(set: number, revision: number, content: number): void {
    const capacity = this.words.length / entryWords;
    if (this.count === capacity && capacity < this.limits.identities) this.grow(capacity);
    const at = this.next * entryWords;
    this.words[at] = identityHigh;
    this.words[at + 1] = identityLow;
    this.words[at + 2] = content;
    this.words[at + 3] = ((set << 24) | revision) >>> 0;
    this.next = (this.next + 1) % (this.words.length / entryWords);
    this.count = Math.min(this.count + 1, this.words.length / entryWords);
  }

  private grow(capacity: number): void {
    const words = new Uint32Array(Math.min(capacity * 2, this.limits.identities) * entryWords);
    words.set(this.ordered());
    this.words = words;
    this.next = this.count;
  }

  /** The entries, oldest first. */
  private ordered(): Uint32Array {
    const used = this.words.subarray(0, this.count * entryWords);
    if (this.next === 0 || this.next === this.count) return used;
    const ordered = new Uint32Array(used.length);
    ordered.set(used.subarray(this.next * entryWords));
    ordered.set(used.subarray(0, this.next * entryWords), used.length - this.next * entryWords);
    return ordered;
  }

  private setOf(report: Report): number {
    const first = report.readings.length + (report.event === undefined ? 0 : 1);
    const { sets } = this;
    for (let index = 0; index < sets.length; index += 1) {
      if ((sets[index] as Uint32Array).length === first && covers(sets[index] as Uint32Array, report)) return index;
    }
    return this.setIndex(namesOf(report));
  }

  /** The index of a set of names. A device that keeps inventing names starts over: its window forgets, it never grows. */
  private setIndex(names: number[]): number {
    const known = this.sets.findIndex((set) => equal(set, names));
    if (known >= 0) return known;
    const total = this.sets.reduce((sum, set) => sum + set.length, names.length);
    if (this.sets.length === maxSets || (total > maxNames && this.sets.length > 0)) {
      this.sets = [];
      this.count = 0;
      this.next = 0;
    }
    return this.sets.push(Uint32Array.from(names)) - 1;
  }

  /** The window as stream state (little-endian words). */
  encode(): Uint8Array {
    const setWords = this.sets.reduce((sum, set) => sum + 1 + set.length, 0);
    const entries = this.ordered();
    const words = new Uint32Array(headerWords + setWords + entries.length);
    words[0] = version | (this.sets.length << 8) | (this.count << 16);
    writeFloat(words, 1, this.highTime);
    writeFloat(words, 3, this.highSeq);
    let at = headerWords;
    for (const set of this.sets) {
      words[at] = set.length;
      words.set(set, at + 1);
      at += 1 + set.length;
    }
    words.set(entries, at);
    return new Uint8Array(words.buffer);
  }

  /** A window from its state; an empty one where the state is damaged or of another version: forgetting is safe. */
  static decode(bytes: Uint8Array, limits: WindowLimits): DeviceWindow {
    const window = new DeviceWindow(limits);
    const words = new Uint32Array(Uint8Array.from(bytes.subarray(0, bytes.byteLength - (bytes.byteLength % 4))).buffer);
    const head = words[0] ?? 0;
    if ((head & 0xff) !== version || words.length < headerWords) return window;
    const sets: Uint32Array[] = [];
    let at = headerWords;
    for (let index = 0; index < ((head >>> 8) & 0xff); index += 1) {
      const length = words[at] ?? 0;
      sets.push(words.slice(at + 1, at + 1 + length));
      at += 1 + length;
    }
    const entries = words.subarray(at);
    if (entries.length !== (head >>> 16) * entryWords) return window;
    window.sets = sets;
    window.highTime = readFloat(words, 1);
    window.highSeq = readFloat(words, 3);
    const kept = entries.subarray(Math.max(0, entries.length - limits.identities * entryWords));
    window.count = kept.length / entryWords;
    window.words = new Uint32Array(Math.max(kept.length, 4 * entryWords));
    window.words.set(kept);
    window.next = window.count % (window.words.length / entryWords);
    return window;
  }
}

function eventName(event: string): string {
  return `event ${event}`;
}

function namesOf(report: Report): number[] {
  const names = report.readings.map((reading) => hashName(reading.metric));
  if (report.event !== undefined) names.push(hashName(eventName(report.event)));
  return names.sort((a, b) => a - b);
}

/** True where every name of the report is in `set` (which is as long as the report has names). */
function covers(set: Uint32Array, report: Report): boolean {
  for (const reading of report.readings) if (!set.includes(hashName(reading.metric))) return false;
  return report.event === undefined || set.includes(hashName(eventName(report.event)));
}

function equal(set: Uint32Array, names: readonly number[]): boolean {
  return set.length === names.length && names.every((name, index) => set[index] === name);
}

/** Leaves the 64-bit hash of an identity in `identityHigh` and `identityLow`: no object per message. */
function identify(kind: number, first: number, second: number, third: number): void {
  float[0] = first;
  const a = floatWords[0] as number;
  const b = floatWords[1] as number;
  float[0] = second;
  const c = floatWords[0] as number;
  const d = floatWords[1] as number;
  let high = mix(a ^ Math.imul(kind, 0x9e_37_79_b1));
  high = mix((high + b) ^ Math.imul(c, 0x27_d4_eb_2f));
  high = mix((high + d) ^ third);
  let low = mix(c ^ Math.imul(kind, 0x16_56_67_b1));
  low = mix((low + d) ^ Math.imul(a, 0x85_eb_ca_77));
  low = mix((low + b) ^ Math.imul(third, 0xc2_b2_ae_3d));
  identityHigh = high >>> 0;
  identityLow = low >>> 0;
}

function writeFloat(words: Uint32Array, at: number, value: number): void {
  float[0] = value;
  words[at] = floatWords[0] as number;
  words[at + 1] = floatWords[1] as number;
}

function readFloat(words: Uint32Array, at: number): number {
  floatWords[0] = words[at] as number;
  floatWords[1] = words[at + 1] as number;
  return float[0] as number;
}
