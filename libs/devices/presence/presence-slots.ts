const slotsPerChunk = 256;
const firstCapacity = 1_024;

/** The chunk of slots that is written to the stream as one value. */
export function chunkOf(slot: number): number {
  return Math.floor(slot / slotsPerChunk);
}

/**
 * What presence knows of the devices of one partition and lane, a column per fact, about 45 bytes a device beside its
 * place in the map. `seen`, `sessionSince` and `disconnected` are listening seconds; `lastSeenAt`, `since` and
 * `shownSeenAt` epoch seconds.
 */
export class PresenceSlots {
  private readonly places = new Map<string, number>();
  private readonly keys: string[] = [];
  private capacity = firstCapacity;
  private kept = 0;
  seen = new Uint32Array(firstCapacity);
  lastSeenAt = new Uint32Array(firstCapacity);
  since = new Uint32Array(firstCapacity);
  /** The last-seen time that the registry shows. */
  shownSeenAt = new Uint32Array(firstCapacity);
  sessionSince = new Uint32Array(firstCapacity);
  disconnected = new Uint32Array(firstCapacity);
  sessions = new Uint8Array(firstCapacity);
  online = new Uint8Array(firstCapacity);
  holdsSession = new Uint8Array(firstCapacity);
  cause = new Uint8Array(firstCapacity);
  /** 1 where the registry has not been told of the last change. */
  untold = new Uint8Array(firstCapacity);
  /** The domain it is counted under while online; not kept. */
  domain = new Uint8Array(firstCapacity);
  /** By chunk: 1 where it differs from what the stream's state holds. */
  dirty = new Uint8Array(chunkOf(firstCapacity) + 1);

  get size(): number {
    return this.keys.length;
  }

  get chunks(): number {
    return this.size === 0 ? 0 : chunkOf(this.size - 1) + 1;
  }

  find(deviceKey: string): number | undefined {
    return this.places.get(deviceKey);
  }

  keyOf(slot: number): string {
    return this.keys[slot] ?? '';
  }

  add(deviceKey: string): number {
    const slot = this.keys.length;
    if (slot === this.capacity) this.grow();
    this.keys.push(deviceKey);
    this.places.set(deviceKey, slot);
    return slot;
  }

  /**
   * Chunks with slots added since the last call. They are written in the same commit: a slot's number is its place in the
   * chunks, so no chunk may be stored before those below it are full.
   */
  takeGrown(): number[] {
    const grown = new Set<number>();
    for (; this.kept < this.size; this.kept += 1) grown.add(chunkOf(this.kept));
    return [...grown];
  }

  /** The slots of a chunk, in order. */
  inChunk(chunk: number): number[] {
    const first = chunk * slotsPerChunk;
    return Array.from({ length: Math.max(0, Math.min(slotsPerChunk, this.size - first)) }, (_, n) => first + n);
  }

  /** The chunk as bytes: a version, then the keys, then a column per fact, little-endian as the machine has them. */
  encode(chunk: number): Buffer {
    const first = chunk * slotsPerChunk;
    const last = Math.min(this.size, first + slotsPerChunk);
    const keys = Buffer.from(this.keys.slice(first, last).join('').replaceAll('-', ''), 'hex');
    const columns = [...this.words(), ...this.flags()].map((column) => bytesOf(column.subarray(first, last)));
    return Buffer.concat([Buffer.of(chunkVersion), keys, ...columns]);
  }

  /** Adds the slots of a chunk; chunks must come in the order of their numbers. */
  decode(bytes: Uint8Array): void {
    if (bytes[0] !== chunkVersion) {
      throw new Error(`presence state has version ${bytes[0]}; this release reads ${chunkVersion}`);
    }
    const buffer = Buffer.from(bytes.subarray(1));
    const count = Math.floor(buffer.length / recordBytes);
    const first = this.size;
    for (let n = 0; n < count; n += 1) this.add(uuidOf(buffer.toString('hex', n * keyBytes, (n + 1) * keyBytes)));
    let at = count * keyBytes;
    for (const column of [...this.words(), ...this.flags()]) {
      const target = bytesOf(column.subarray(first, first + count));
      at += buffer.copy(target, 0, at, at + target.length);
    }
    this.kept = this.size;
  }

  private words(): Uint32Array[] {
    return [this.seen, this.lastSeenAt, this.since, this.shownSeenAt, this.sessionSince, this.disconnected];
  }

  private flags(): Uint8Array[] {
    return [this.sessions, this.online, this.holdsSession, this.cause, this.untold];
  }

  private grow(): void {
    this.capacity *= 2;
    const { capacity } = this;
    this.seen = longer(this.seen, capacity);
    this.lastSeenAt = longer(this.lastSeenAt, capacity);
    this.since = longer(this.since, capacity);
    this.shownSeenAt = longer(this.shownSeenAt, capacity);
    this.sessionSince = longer(this.sessionSince, capacity);
    this.disconnected = longer(this.disconnected, capacity);
    this.sessions = longerFlags(this.sessions, capacity);
    this.online = longerFlags(this.online, capacity);
    this.holdsSession = longerFlags(this.holdsSession, capacity);
    this.cause = longerFlags(this.cause, capacity);
    this.untold = longerFlags(this.untold, capacity);
    this.domain = longerFlags(this.domain, capacity);
    this.dirty = longerFlags(this.dirty, chunkOf(capacity) + 1);
  }
}

const chunkVersion = 1;
const keyBytes = 16;
const wordColumns = 6;
const flagColumns = 5;
const recordBytes = keyBytes + wordColumns * 4 + flagColumns;

function longer(column: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(length);
  grown.set(column);
  return grown;
}

function longerFlags(column: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(length);
  grown.set(column);
  return grown;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
