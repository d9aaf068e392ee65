import { systemClock } from '#libs/runtime';
import { openEnvironment } from '../lmdb/environment.js';
import { entryKey } from '../lmdb/keys.js';
import type { Place } from '../stream.port.js';

/** Takes one entry out of an embedded stream behind its back, as a bug or a broken disk might; open or not. */
export async function loseEntry(dir: string, place: Place, position: number, partitions = 4): Promise<void> {
  const { root, entries, lock } = await openEnvironment(dir, partitions, systemClock.now());
  try {
    const key = entryKey(place.stream, place.lane, place.partition, position);
    if (!(await entries.remove(key))) throw new Error(`there is no entry ${position} to lose`);
  } finally {
    await root.close();
    lock.release();
  }
}

/** As `loseEntry`, in the stream of a Redis (see `testRedisLog`). */
export async function loseRedisEntry(url: string, prefix: string, place: Place, position: number): Promise<void> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url);
  try {
    const key = `${prefix}:{${place.partition}}:${place.stream}:${place.lane}`;
    if ((await redis.xdel(key, `0-${position}`)) !== 1) throw new Error(`there is no entry ${position} to lose`);
  } finally {
    redis.disconnect();
  }
}
