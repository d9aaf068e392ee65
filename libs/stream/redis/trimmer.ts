import { randomUUID } from 'node:crypto';
import { lanes } from '#libs/contracts';
import type { Place, Retention } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { fieldOf, type Keys, streamAndLaneIn } from './keys.js';
import { memoryShares } from './memory.js';
import { cutScript, holdScript, memoryScript, piecesScript, releaseScript } from './scripts.js';

const piecesPerPlace = 32;
/** The right to trim ends by itself where its holder dies. */
const holdMs = 60_000;
const mostRounds = 100;
/** After having found nothing to cut, memory is not looked through again for so long: all places are a lot to ask. */
const restMs = 10_000;

/** Consecutive entries that every group has behind itself. */
interface Piece {
  place: Place;
  upTo: number;
  /** The latest time in it and before it, whatever the clocks did. */
  at: number;
  bytes: number;
}

/** Memory of the server that has a partition. */
interface Memory {
  server: string;
  used: number;
  most: number;
}

/**
 * Cuts streams at their old end, a piece of a place (at most a thirty-second of what may go) at a time, never past what a
 * group of the Redis stream still owes. One process at a time.
 */
export class Trimmer {
  private readonly token = randomUUID();
  private makingRoom = false;
  private restUntil = 0;

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly partitions: number,
  ) {}

  /** Returns how many entries went; 0 where another process is at it. */
  trim(retention: readonly Retention[], now: number): Promise<number> {
    return this.alone(retention.map((one) => () => this.trimStream(one, now)));
  }

  /**
   * Cuts the oldest entries of whatever stream on each server that is nearly full, before their time, so that what all groups
   * have acknowledged never keeps anything new out. Returns how many went.
   */
  async makeRoom(): Promise<number> {
    if (this.makingRoom || performance.now() < this.restUntil) return 0;
    this.makingRoom = true;
    try {
      const crowded = await this.crowdedServers();
      const removed = await this.alone(crowded.map((partitions) => () => this.relieve(partitions)));
      if (removed === 0) this.restUntil = performance.now() + restMs;
      return removed;
    } finally {
      this.makingRoom = false;
    }
  }

  /** Takes one step after the other with the right to trim, none where another process has it. */
  private async alone(steps: readonly (() => Promise<number>)[]): Promise<number> {
    const { connection, keys, token } = this;
    const hold = () => connection.ask(() => connection.run(holdScript, [keys.trimming], [token, holdMs]));
    if ((await hold()) !== 1) return 0;
    let removed = 0;
    try {
      for (const step of steps) {
        removed += await step();
        if ((await hold()) !== 1) break;
      }
    } finally {
      await connection.ask(() => connection.run(releaseScript, [keys.trimming], [token]));
    }
    return removed;
  }

  private async trimStream({ stream, maxAgeMs, maxBytes }: Retention, now: number): Promise<number> {
    const places = lanes.flatMap((lane) =>
      Array.from({ length: this.partitions }, (_, partition): Place => ({ stream, lane, partition })),
    );
    let removed = 0;
    for (let round = 0; round < mostRounds; round++) {
      const { pieces, bytes } = await this.look(places);
      const cut = await this.cutWhile(pieces, ({ at }, gone) => at < now - maxAgeMs || bytes - gone > maxBytes);
      if (cut === undefined) break;
      removed += cut;
    }
    return removed;
  }

  /** The partitions of each server that is nearly full. */
  private async crowdedServers(): Promise<number[][]> {
    const crowded = new Map<string, number[]>();
    for (let partition = 0; partition < this.partitions; partition++) {
      const { server, used, most } = await this.memoryOf(partition);
      if (most === 0 || used < most * memoryShares.cutFrom) continue;
      const partitions = crowded.get(server);
      if (partitions) partitions.push(partition);
      else crowded.set(server, [partition]);
    }
    return [...crowded.values()];
  }

  /** Cuts the oldest of one server's partitions until enough of its memory is free. */
  private async relieve(partitions: readonly number[]): Promise<number> {
    const places = await this.placesOf(partitions);
    let removed = 0;
    for (let round = 0; round < mostRounds; round++) {
      const { used, most } = await this.memoryOf(partitions[0] as number);
      const excess = used - most * memoryShares.cutTo;
      const pieces: Piece[] = [];
      // Stream by stream: all at once would hold Redis up.
      for (const ofStream of places.values()) pieces.push(...(await this.look(ofStream)).pieces);
      const cut = await this.cutWhile(pieces.sort(byAge), (_, gone) => gone < excess);
      if (cut === undefined) break;
      removed += cut;
    }
    return removed;
  }

  private async memoryOf(partition: number): Promise<Memory> {
    const keys = [this.keys.tails(partition)];
    const answer = await this.connection.ask(() => this.connection.run(memoryScript, keys, []));
    const [server, used, most] = answer as [string, string, string];
    return { server, used: Number(used), most: Number(most) };
  }

  /** Every place of these partitions, by stream. */
  private async placesOf(partitions: readonly number[]): Promise<Map<string, Place[]>> {
    const places = new Map<string, Place[]>();
    for (const partition of partitions) {
      for (const field of await this.connection.ask((client) => client.hkeys(this.keys.tails(partition)))) {
        const { stream, lane } = streamAndLaneIn(field);
        const ofStream = places.get(stream);
        if (ofStream) ofStream.push({ stream, lane, partition });
        else places.set(stream, [{ stream, lane, partition }]);
      }
    }
    return places;
  }

  /** Cuts the first pieces, as long as `goes` says so of each and of the bytes before it; undefined where none goes. */
  private async cutWhile(
    pieces: readonly Piece[],
    goes: (piece: Piece, gone: number) => boolean,
  ): Promise<number | undefined> {
    const going = new Map<string, Piece>();
    let gone = 0;
    for (const piece of pieces) {
      if (!goes(piece, gone)) break;
      going.set(this.keys.entries(piece.place), piece);
      gone += piece.bytes;
    }
    if (going.size === 0) return undefined;
    const counts = await Promise.all([...going.values()].map((piece) => this.cut(piece)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** What of these places may go, oldest first, and how many bytes they have. */
  private async look(places: readonly Place[]): Promise<{ pieces: Piece[]; bytes: number }> {
    const pieces: Piece[] = [];
    let bytes = 0;
    await Promise.all(
      places.map(async (place) => {
        const keys = [this.keys.entries(place), this.keys.tails(place.partition)];
        const args = [fieldOf(place.stream, place.lane), piecesPerPlace];
        const answer = await this.connection.ask(() => this.connection.run(piecesScript, keys, args));
        const [start, total, ...found] = answer as [string, string, ...[string, string, string][]];
        bytes += Number(total) - Number(start);
        let before = Number(start);
        for (const [upTo, at, end] of found) {
          pieces.push({ place, upTo: Number(upTo), at: Number(at), bytes: Number(end) - before });
          before = Number(end);
        }
      }),
    );
    return { pieces: pieces.sort(byAge), bytes };
  }

  private async cut({ place, upTo }: Piece): Promise<number> {
    const keys = [this.keys.entries(place)];
    return Number(await this.connection.ask(() => this.connection.run(cutScript, keys, [upTo])));
  }
}

function byAge(a: Piece, b: Piece): number {
  return a.at - b.at || a.upTo - b.upTo;
}
