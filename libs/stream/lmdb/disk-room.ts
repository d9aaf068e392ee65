import { statfsSync } from 'node:fs';

/** Who may still write when the disk runs low: intake stops first, then the stages and the platform's own appends, last the trimming that makes room. */
export const writeKinds = ['append', 'commit', 'trim'] as const;
export type WriteKind = (typeof writeKinds)[number];

/**
 * Stops writing before the disk is full. LMDB itself must never meet a full disk: lmdb-js overruns a buffer while it
 * words the error, which can end the process. Each kind has a floor of free bytes, all of it larger than any one commit.
 */
export class DiskRoom {
  constructor(
    private readonly path: string,
    private readonly reserveBytes: number,
  ) {}

  /** The kinds that have no room now, in words; undefined where all have. */
  refusal(): { kinds: ReadonlySet<WriteKind>; message: string } | undefined {
    const free = freeBytes(this.path);
    if (free >= this.reserveBytes) return undefined;
    const kinds = writeKinds.filter((_, index) => free < this.reserveBytes / 2 ** index);
    return {
      kinds: new Set(kinds),
      message: `the disk of ${this.path} has ${free} bytes left, STREAM_RESERVE_BYTES keeps ${this.reserveBytes} free: free space`,
    };
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
