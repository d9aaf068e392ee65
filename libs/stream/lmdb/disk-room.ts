import { statfsSync } from 'node:fs';
import type { Clock } from '#libs/runtime';

/** Who may still write when the disk runs low: intake stops first, then the stages and the platform's own appends, last the trimming that makes room. */
export const writeKinds = ['append', 'commit', 'trim'] as const;
export type WriteKind = (typeof writeKinds)[number];

/**
 * What each kind needs, in parts of the reserve. `room` counts the pages within the file that trimming has freed too: the
 * file never shrinks, and is written there first. `disk` counts the disk alone: where a commit finds no pages in a row, the
 * file grows.
 */
const needs: Record<WriteKind, { room: number; disk: number }> = {
  append: { room: 1, disk: 1 / 2 },
  commit: { room: 1 / 2, disk: 3 / 8 },
  trim: { room: 1 / 4, disk: 1 / 4 },
};
/** How long a count of free pages is good for. */
const countedForMs = 1_000;

/**
 * Stops writing before the disk is full. LMDB itself must never meet a full disk: lmdb-js overruns a buffer while it
 * words the error, which can end the process. Each kind has a floor of free bytes, all of it larger than any one commit.
 */
export class DiskRoom {
  private reusable = 0;
  private countedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly path: string,
    private readonly reserveBytes: number,
    private readonly clock: Clock,
    /** Counts the bytes of the pages that LMDB uses again. */
    private readonly countReusable: () => number,
  ) {}

  /** The kinds that have no room now, in words; undefined where all have. */
  refusal(): { kinds: ReadonlySet<WriteKind>; message: string } | undefined {
    const { path, reserveBytes } = this;
    const free = freeBytes(path);
    if (free >= reserveBytes) return undefined;
    const reusable = this.reusableBytes();
    const kinds = writeKinds.filter((kind) => {
      const { room, disk } = needs[kind];
      return free + reusable < reserveBytes * room || free < reserveBytes * disk;
    });
    if (kinds.length === 0) return undefined;
    return {
      kinds: new Set(kinds),
      message: `the disk of ${path} has ${free} bytes left, and the stream's file ${reusable} to be used again, STREAM_RESERVE_BYTES keeps ${reserveBytes} free: free space`,
    };
  }

  private reusableBytes(): number {
    const now = this.clock.now();
    if (now - this.countedAt >= countedForMs) {
      this.reusable = this.countReusable();
      this.countedAt = now;
    }
    return this.reusable;
  }
}

/** Bytes that an ordinary user may still write to the file system of `path`; infinite where it does not say. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
