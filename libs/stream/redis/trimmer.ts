import { randomUUID } from 'node:crypto';
import { lanes } from '#libs/contracts';
import type { Place, Retention } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { fieldOf, type Keys } from './keys.js';
import { cutScript, holdScript, piecesScript, releaseScript } from './scripts.js';

const piecesPerPlace = 32;
/** The right to trim ends by itself where its holder dies. */
const holdMs = 60_000;
const mostRounds = 100;

/** Consecutive entries that every group has behind itself. */
interface Piece {
  place: Place;
  upTo: number;
  /** The latest time in it and before it, whatever the clocks did. */
  at: number;
  bytes: number;
}

/**
 * Cuts streams at their old end, a piece of a place (at most a thirty-second of what may go) at a time, never past what a
 * group of the Redis stream still owes. One process at a time.
 */
export class Trimmer {
  private readonly token = randomUUID();

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly partitions: number,
  ) {}

  /** Returns how many entries went; 0 where another process is at it. */
  async trim(retention: readonly Retention[], now: number): Promise<number> {
    const { connection, keys, token } = this;
    const hold = () => connection.ask(() => connection.run(holdScript, [keys.trimming], [token, holdMs]));
    if ((await hold()) !== 1) return 0;
    let removed = 0;
    try {
      for (const one of retention) {
        removed += await this.trimStream(one, now);
        if ((await hold()) !== 1) break;
      }
    } finally {
      await connection.ask(() => connection.run(releaseScript, [keys.trimming], [token]));
    }
    return removed;
  }

  private async trimStream({ stream, maxAgeMs, maxBytes }: Retention, now: number): Promise<number> {
    let removed = 0;
    for (let round = 0; round < mostRounds; round++) {
      const { pieces, bytes } = await this.look(stream);
      let excess = bytes - maxBytes;
      const going = new Map<string, Piece>();
      for (const piece of pieces) {
        if (piece.at >= now - maxAgeMs && excess <= 0) break;
        going.set(`${piece.place.lane} ${piece.place.partition}`, piece);
        excess -= piece.bytes;
      }
      if (going.size === 0) break;
      const counts = await Promise.all([...going.values()].map((piece) => this.cut(piece)));
      removed += counts.reduce((sum, count) => sum + count, 0);
    }
    return removed;
  }

  /** What of a stream may go, oldest first, and how many bytes the stream has. */
  private async look(stream: string): Promise<{ pieces: Piece[]; bytes: number }> {
    const pieces: Piece[] = [];
    let bytes = 0;
    const places = lanes.flatMap((lane) =>
      Array.from({ length: this.partitions }, (_, partition): Place => ({ stream, lane, partition })),
    );
    await Promise.all(
      places.map(async (place) => {
        const keys = [this.keys.entries(place), this.keys.tails(place.partition)];
        const args = [fieldOf(stream, place.lane), piecesPerPlace];
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
    return { pieces: pieces.sort((a, b) => a.at - b.at || a.upTo - b.upTo), bytes };
  }

  private async cut({ place, upTo }: Piece): Promise<number> {
    const keys = [this.keys.entries(place)];
    return Number(await this.connection.ask(() => this.connection.run(cutScript, keys, [upTo])));
  }
}
