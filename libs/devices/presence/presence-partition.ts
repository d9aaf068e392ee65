import { decodeNormalisedMessages } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import type { BacklogWatch, Entry, Source, StateChange, StreamLog } from '#libs/stream';
import { ListeningClock } from './listening-clock.js';
import type { PresenceConfig } from './presence.config.js';
import { PresenceBook, presenceCauses } from './presence.js';
import type { PresenceRow } from './presence.repository.js';
import type { PresenceFleet } from './presence-fleet.js';
import { chunkOf } from './presence-slots.js';

/** What a partition works with. */
export interface PresenceWork {
  stream: StreamLog;
  clock: Clock;
  config: PresenceConfig;
  fleet: PresenceFleet;
  backlogs: BacklogWatch;
}

/** Up to which entry the stored signs of life reach, and the listening time then. */
interface Mark {
  position: number;
  listenedSeconds: number;
}

const devicesPerTick = 20_000;
const chunksPerTick = 32;
const replayEntries = 256;
const replayBytes = 1 << 20;

/**
 * Presence of the devices of one lane and partition. Its state in the stream: chunks of devices, written with every
 * change of one of theirs and else once a minute; and a mark, from which on the stream is read again after a restart.
 */
export class PresencePartition {
  private readonly book: PresenceBook;
  private listening = new ListeningClock(0);
  private position = 0;
  private round: { left: number[]; mark: Mark } | undefined;
  private lastRoundAt: number;
  /** Slots of which the registry is to be told: what changed, and whose last-seen time has grown old. */
  private readonly toTell = new Set<number>();

  constructor(
    private readonly source: Source,
    private readonly work: PresenceWork,
  ) {
    const { config, clock, fleet, stream } = work;
    this.book = new PresenceBook(
      { silenceFactor: config.silenceFactor, reconnectSeconds: Math.ceil(config.reconnectMs / 1000) },
      fleet.subject,
    );
    // Partitions take turns.
    this.lastRoundAt = clock.now() - (config.snapshotMs * source.partition) / stream.partitions;
  }

  /** Reads what was kept, and the entries acknowledged since the last mark again. */
  async load(): Promise<void> {
    const { stream, fleet, backlogs } = this.work;
    const { group, partition } = this.source;
    const [mark] = await stream.readState(group, partition, [this.key('mark')]);
    for await (const { value } of stream.scanState(group, partition, this.key('chunk/'))) this.book.slots.decode(value);
    const { slots } = this.book;
    const { position, listenedSeconds } = mark ? readMark(mark) : { position: 0, listenedSeconds: 0 };
    // Chunks written after the mark hold later signs of life than it knows of.
    let latest = listenedSeconds;
    for (let slot = 0; slot < slots.size; slot += 1) latest = Math.max(latest, slots.seen[slot] ?? 0);
    this.listening = new ListeningClock(latest * 1000);
    const { acknowledged } = await backlogs.ask(this.source);
    await this.readAgain(position, acknowledged);
    this.position = Math.max(position, acknowledged);
    for (let slot = 0; slot < slots.size; slot += 1) {
      if (slots.online[slot] !== 0) slots.domain[slot] = fleet.countOnline(slots.keyOf(slot));
      if (slots.untold[slot] !== 0) this.toTell.add(slot);
    }
    this.book.scheduleAll(latest);
  }

  /** Takes the partition out of the metrics, before it is loaded anew. */
  forget(): void {
    const { slots } = this.book;
    for (let slot = 0; slot < slots.size; slot += 1) {
      if (slots.online[slot] !== 0) this.work.fleet.countOffline(slots.domain[slot] ?? 0);
    }
  }

  /** Takes in signs of life. */
  take(entries: readonly Entry[]): StateChange[] {
    const at = this.listening.seconds;
    for (const entry of entries) {
      for (const { deviceKey, receivedAt, outcome } of decodeNormalisedMessages(entry.data)) {
        const seenAt = Math.floor(receivedAt / 1000);
        if (outcome === 'connected') this.book.connected(deviceKey, at, seenAt);
        else if (outcome === 'disconnected') this.book.disconnected(deviceKey, at);
        else this.book.heard(deviceKey, at, seenAt);
      }
      this.position = entry.position;
    }
    return this.changes();
  }

  /** Lets time pass. */
  async tick(): Promise<StateChange[]> {
    const { clock, backlogs } = this.work;
    const { ageMs } = await backlogs.of(this.source);
    const now = clock.now();
    this.listening.advance(now, ageMs);
    this.book.passTime(this.listening.seconds, Math.floor(now / 1000), devicesPerTick);
    return [...this.changes(), ...this.snapshot(now)];
  }

  /** The device's interval or status may have changed. */
  reconsider(deviceKey: string): void {
    this.book.reconsider(deviceKey, this.listening.seconds);
  }

  /** What the registry is to be told next; `confirm` when it has been. */
  untold(most: number): { rows: PresenceRow[]; confirm: () => void } {
    const { slots } = this.book;
    const told: { slot: number; row: PresenceRow }[] = [];
    for (const slot of this.toTell) {
      if (told.length >= most) break;
      told.push({ slot, row: this.rowOf(slot) });
    }
    const confirm = () => {
      for (const { slot, row } of told) {
        slots.shownSeenAt[slot] = row.lastSeenAt;
        slots.dirty[chunkOf(slot)] = 1;
        const now = this.rowOf(slot);
        if (now.online !== row.online || now.since !== row.since || now.cause !== row.cause) continue;
        slots.untold[slot] = 0;
        this.toTell.delete(slot);
      }
    };
    return { rows: told.map(({ row }) => row), confirm };
  }

  private rowOf(slot: number): PresenceRow {
    const { slots } = this.book;
    return {
      deviceKey: slots.keyOf(slot),
      online: slots.online[slot] !== 0,
      since: slots.since[slot] ?? 0,
      lastSeenAt: slots.lastSeenAt[slot] ?? 0,
      cause: presenceCauses[slots.cause[slot] ?? 0] ?? 'message',
    };
  }

  private async readAgain(after: number, upTo: number): Promise<void> {
    const { slots } = this.book;
    const at = this.listening.seconds;
    for (let position = after; position < upTo; ) {
      const options = { after: position, maxEntries: replayEntries, maxBytes: replayBytes };
      const entries = await this.work.stream.read(this.source, options);
      for (const entry of entries) {
        if (entry.position > upTo) return;
        for (const { deviceKey, receivedAt, outcome } of decodeNormalisedMessages(entry.data)) {
          const slot = slots.find(deviceKey);
          // Who is online was written at once; only the time of the last sign of life is behind.
          if (slot === undefined || slots.online[slot] === 0 || outcome === 'disconnected') continue;
          slots.seen[slot] = at;
          slots.lastSeenAt[slot] = Math.floor(receivedAt / 1000);
          slots.dirty[chunkOf(slot)] = 1;
        }
        position = entry.position;
      }
      if (entries.length === 0) return;
    }
  }

  /** What changed is kept in the very transaction that acknowledges its cause. */
  private changes(): StateChange[] {
    const { slots } = this.book;
    const chunks = new Set<number>(slots.takeGrown());
    for (const { slot, online, cause } of this.book.takeChanges()) {
      slots.untold[slot] = 1;
      this.toTell.add(slot);
      chunks.add(chunkOf(slot));
      this.work.fleet.countTransition(online, cause);
      if (online) slots.domain[slot] = this.work.fleet.countOnline(slots.keyOf(slot));
      else this.work.fleet.countOffline(slots.domain[slot] ?? 0);
    }
    return [...chunks].map((chunk) => this.write(chunk));
  }

  /** A few chunks at a time; the mark when all that were there at the beginning of the round are written. */
  private snapshot(now: number): StateChange[] {
    const { slots } = this.book;
    if (!this.round) {
      if (now - this.lastRoundAt < this.work.config.snapshotMs) return [];
      const left = Array.from({ length: slots.chunks }, (_, chunk) => chunk).filter(
        (chunk) => slots.dirty[chunk] !== 0,
      );
      this.round = { left, mark: { position: this.position, listenedSeconds: this.listening.seconds } };
      this.lastRoundAt = now;
    }
    const { left, mark } = this.round;
    const written = left.splice(0, chunksPerTick).filter((chunk) => slots.dirty[chunk] !== 0);
    const changes = written.map((chunk) => this.write(chunk));
    if (left.length > 0) return changes;
    this.round = undefined;
    return [...changes, { key: this.key('mark'), value: Buffer.from(JSON.stringify(mark)) }];
  }

  private write(chunk: number): StateChange {
    const { slots } = this.book;
    slots.dirty[chunk] = 0;
    const oldest = Math.ceil(this.work.config.lastSeenMs / 1000);
    for (const slot of slots.inChunk(chunk)) {
      if (slots.online[slot] !== 0 && (slots.lastSeenAt[slot] ?? 0) - (slots.shownSeenAt[slot] ?? 0) >= oldest) {
        this.toTell.add(slot);
      }
    }
    return { key: this.key(`chunk/${String(chunk).padStart(8, '0')}`), value: slots.encode(chunk) };
  }

  private key(name: string): string {
    return `${this.source.lane}/${name}`;
  }
}

function readMark(value: Uint8Array): Mark {
  return JSON.parse(Buffer.from(value).toString()) as Mark;
}
