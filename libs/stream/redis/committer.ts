import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/runtime';
import { checkStateKey } from '../entry-check.js';
import { StreamFencedError, StreamUsageError } from '../stream.errors.js';
import type { Commit, Source, StateChange } from '../stream.port.js';
import { addPlaces } from './appender.js';
import type { Argument } from './connection.js';
import { fieldOf, type Keys, sourceNameOf } from './keys.js';
import type { OutboxRelay } from './outbox-relay.js';
import { commitScript } from './scripts.js';
import type { WritingConnections } from './writing-connections.js';

/** By which right a commit is made. */
export interface Right {
  /** '' where the group has no member here: kept only while nobody owns the partition. */
  token: string;
  /** Aborts when the right is gone. */
  signal: AbortSignal;
}

/**
 * Commits: one script on the source's slot. It is sent again with the same sequence until it is answered, or until the
 * partition has another owner; Redis remembers the last commit of each source, so it is kept once. What goes to other
 * partitions is in the outbox by then, and is brought there before the commit resolves.
 */
export class Committer {
  private readonly producer = randomUUID();
  private sequence = 0;

  constructor(
    private readonly connections: Pick<WritingConnections, 'of'>,
    private readonly keys: Keys,
    private readonly clock: Clock,
    private readonly relay: OutboxRelay,
  ) {}

  /** Rejects with `StreamFencedError`, `StreamUsageError` or `StreamUnavailableError`; nothing was kept then. */
  async commit(commit: Commit, { token, signal }: Right): Promise<void> {
    const { source, upTo, append, state, givenUp = 0 } = commit;
    const { sets, removals } = changesOf(state);
    if (append.length === 0 && upTo === undefined && sets.length + removals.length === 0) return;
    const { stream, group, lane, partition } = source;
    const foreign = append.filter((entry) => entry.partition !== partition);
    const keys = [
      this.keys.owner(stream, group, partition),
      this.keys.entries(source),
      this.keys.state(group, partition),
      this.keys.commits(partition),
      this.keys.outbox(stream, group, partition),
      this.keys.tails(partition),
    ];
    const args: Argument[] = [
      token,
      this.producer,
      ++this.sequence,
      sourceNameOf(source),
      group,
      upTo ?? '',
      fieldOf(stream, lane),
      this.clock.now(),
      givenUp,
      sets.length / 2,
      ...sets,
      removals.length,
      ...removals,
      foreign.length,
      ...foreign.flatMap((entry): Argument[] => [
        entry.partition,
        fieldOf(entry.stream, entry.lane),
        Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength),
      ]),
    ];
    addPlaces(
      this.keys,
      partition,
      append.filter((entry) => entry.partition === partition),
      keys,
      args,
    );
    const connection = this.connections.of(partition);
    const answer = (await connection.persist(commitScript, keys, args, signal)) as string[];
    this.check(source, upTo, answer);
    if (foreign.length > 0) await this.relay.drain(source, signal);
  }

  private check({ stream, group, lane, partition }: Source, upTo: number | undefined, answer: readonly string[]): void {
    const [outcome, acknowledged, last] = answer;
    const place = `${stream}/${group} ${lane}/${partition}`;
    if (outcome === 'fenced') throw new StreamFencedError(`${place} is owned by another member`);
    if (outcome === 'range') {
      throw new StreamUsageError(
        `${place}: acknowledging ${upTo} is not between ${acknowledged} (acknowledged) and ${last} (last)`,
      );
    }
  }
}

/** The last word on each key. */
function changesOf(state: readonly StateChange[]): { sets: Argument[]; removals: string[] } {
  const last = new Map<string, Uint8Array | undefined>();
  for (const { key, value } of state) {
    checkStateKey(key);
    last.set(key, value);
  }
  const sets: Argument[] = [];
  const removals: string[] = [];
  for (const [key, value] of last) {
    if (value) sets.push(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    else removals.push(key);
  }
  return { sets, removals };
}
