import type { Lane } from '#libs/contracts';
import type { Place, Source } from '../stream.port.js';

/**
 * Names of keys and channels. Everything of one partition has the partition as its hash tag, so that it lies in one slot
 * of a cluster and one script can change it. Names of streams and groups have no slash: the other keys cannot be mistaken
 * for a stream's.
 */
export class Keys {
  constructor(private readonly prefix: string) {}

  /** The Redis stream of a place: `cs:{7}:raw:bulk`. */
  entries({ stream, lane, partition }: Place): string {
    return `${this.prefix}:{${partition}}:${stream}:${lane}`;
  }

  /** A hash: how many entries and bytes each stream of the partition has had since ever. */
  tails(partition: number): string {
    return `${this.prefix}:{${partition}}:tails`;
  }

  /** A hash: a group's keyed state. */
  state(group: string, partition: number): string {
    return `${this.prefix}:{${partition}}:state/${group}`;
  }

  /** A hash: who owns the partition of a group, by token, and until when nobody else may take it. */
  owner(stream: string, group: string, partition: number): string {
    return `${this.prefix}:{${partition}}:owner/${stream}/${group}`;
  }

  /** A stream: what a group's commits append to other partitions, until it is there. */
  outbox(stream: string, group: string, partition: number): string {
    return `${this.prefix}:{${partition}}:outbox/${stream}/${group}`;
  }

  /** A hash: how far each outbox of other partitions has arrived here. */
  arrived(partition: number): string {
    return `${this.prefix}:{${partition}}:arrived`;
  }

  /** A hash: the last commit of each source, so that one that is sent twice is kept once, and how far it is. */
  commits(partition: number): string {
    return `${this.prefix}:{${partition}}:commits`;
  }

  /** The last append of one process, so that one that is sent twice is kept once. */
  producer(id: string, partition: number): string {
    return `${this.prefix}:{${partition}}:producer/${id}`;
  }

  /** A hash: the members of a group, and when each was last heard of. */
  members(stream: string, group: string): string {
    return `${this.prefix}:{members/${stream}/${group}}`;
  }

  /** What matches every key, and no channel matters. */
  get all(): string {
    return `${this.prefix.replace(/[\\*?[\]]/g, '\\$&')}:{*`;
  }

  /** A hash: what the data was made by. */
  get format(): string {
    return `${this.prefix}:{format}`;
  }

  /** A set of `stream group`. */
  get groups(): string {
    return `${this.prefix}:{groups}`;
  }

  /** Held by the one process that trims. */
  get trimming(): string {
    return `${this.prefix}:{trimming}`;
  }

  /** Channel on which appends to a stream are announced. */
  appended(stream: string): string {
    return `${this.prefix}:appended/${stream}`;
  }

  /** The stream of a channel of appends; undefined for another channel. */
  streamOf(channel: string): string | undefined {
    const start = `${this.prefix}:appended/`;
    return channel.startsWith(start) ? channel.slice(start.length) : undefined;
  }

  /** Channel on which the members of a group call each other. */
  called(stream: string, group: string): string {
    return `${this.prefix}:members/${stream}/${group}`;
  }
}

/** A place within its partition, in scripts and hashes: `raw:bulk`. */
export function fieldOf(stream: string, lane: Lane): string {
  return `${stream}:${lane}`;
}

/** The stream and lane of a field. */
export function streamAndLaneIn(field: string): Pick<Place, 'stream' | 'lane'> {
  const [stream = '', lane = ''] = field.split(':');
  return { stream, lane: lane as Lane };
}

/** A source within its partition, in the hash of commits. */
export function sourceNameOf({ stream, group, lane }: Omit<Source, 'partition'>): string {
  return `${stream} ${group} ${lane}`;
}

/** What is announced of an append: `b7` is partition 7 of the bulk lane. */
export function noticeOf(lane: Lane, partition: number): string {
  return `${lane === 'urgent' ? 'u' : 'b'}${partition}`;
}

/** The lane and partition of an announcement. */
export function placeIn(notice: string): { lane: Lane; partition: number } {
  return { lane: notice[0] === 'u' ? 'urgent' : 'bulk', partition: Number(notice.slice(1)) };
}

/** The id of a position in a Redis stream. The time part is not used: positions are numbered by scripts. */
export function idOf(position: number): string {
  return `0-${position}`;
}

/** The position in an id. */
export function positionIn(id: Uint8Array | string): number {
  const text = typeof id === 'string' ? id : Buffer.from(id).toString('latin1');
  return Number(text.slice(text.indexOf('-') + 1));
}
