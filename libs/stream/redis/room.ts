import type { Metrics } from '#libs/runtime';
import { StreamUnavailableError } from '../stream.errors.js';
import type { Place } from '../stream.port.js';
import type { RedisConnection } from './connection.js';
import { fieldOf, type Keys } from './keys.js';
import { memoryShares } from './memory.js';
import { standingScript } from './scripts.js';
import type { Standing } from './standings.js';

const mebibyte = 2 ** 20;

/**
 * Whether there is room for more to be taken in: memory of Redis, and how much of a place is still owed to a group. Looked
 * at once a second; stages are never held up by it.
 */
export class Room {
  private readonly watched = new Map<string, Place>();
  private readonly full = new Set<string>();
  private memory: string | undefined;
  private crowded = false;
  private readonly refusals;

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly maxBacklogBytes: number,
    metrics: Metrics,
  ) {
    this.refusals = metrics.counter(
      'stream_appends_refused_total',
      'Appends refused for now: memory (Redis is nearly full), backlog (stages are too far behind).',
      ['reason'] as const,
    );
  }

  /** Why these places, or which of them, take nothing more just now. */
  refusal(places: readonly Place[]): StreamUnavailableError | undefined {
    const full = new Map<string, Place>();
    for (const place of places) {
      const name = nameOf(place);
      if (!this.watched.has(name)) this.watched.set(name, place);
      if (this.full.has(name)) full.set(name, place);
    }
    if (this.memory === undefined && full.size === 0) return undefined;
    this.refusals.inc({ reason: this.memory === undefined ? 'backlog' : 'memory' });
    if (this.memory !== undefined) return new StreamUnavailableError(this.memory);
    const message = `${[...full.keys()].join(', ')}: ${this.backlog}`;
    return new StreamUnavailableError(message, { places: [...full.values()] });
  }

  /** What is wrong, undefined when well. */
  problem(): string | undefined {
    if (this.memory !== undefined) return this.memory;
    if (this.full.size === 0) return undefined;
    return `${[...this.full].slice(0, 3).join(', ')}${this.full.size > 3 ? ` and ${this.full.size - 3} more` : ''}: ${this.backlog}`;
  }

  /** Whether a server uses so much memory that old entries have to go before their time. */
  get isCrowded(): boolean {
    return this.crowded;
  }

  /** Looks again. Rejects where Redis does not answer. */
  async look(): Promise<void> {
    await this.lookAtMemory();
    const places = [...this.watched.values()];
    // Those that are full stay watched, others until the next append.
    for (const name of this.watched.keys()) if (!this.full.has(name)) this.watched.delete(name);
    await Promise.all(places.map((place) => this.lookAt(place)));
  }

  private get backlog(): string {
    return `more than ${Math.round(this.maxBacklogBytes / mebibyte)} MiB wait for a stage (STREAM_MAX_BACKLOG_BYTES); nothing more is taken in until it catches up`;
  }

  private async lookAtMemory(): Promise<void> {
    const infos = await this.connection.ask(() =>
      Promise.all(this.connection.masters().map((master) => master.info('memory'))),
    );
    this.memory = undefined;
    this.crowded = false;
    for (const info of infos) {
      const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0);
      const most = Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0);
      if (most === 0 || used < most * memoryShares.cutFrom) continue;
      this.crowded = true;
      if (used < most * memoryShares.intake) continue;
      this.memory = `Redis uses ${Math.round(used / mebibyte)} of ${Math.round(most / mebibyte)} MiB: nothing more is taken in until stages have caught up and retention has made room`;
    }
  }

  private async lookAt(place: Place): Promise<void> {
    const { stream, lane, partition } = place;
    const keys = [this.keys.tails(partition), this.keys.commits(partition), this.keys.entries(place)];
    const fields = [fieldOf(stream, lane), stream, lane, ''];
    const answer = await this.connection.ask(() => this.connection.run(standingScript, keys, fields));
    const [standing = 0] = answer as Standing[];
    const [, total, , , ...groups] = standing === 0 ? [0, 0, 0, 0] : standing;
    const owed = groups.reduce((most, [, , , before]) => Math.max(most, Number(total) - Number(before)), 0);
    const name = nameOf(place);
    if (owed > this.maxBacklogBytes) {
      this.full.add(name);
      this.watched.set(name, place);
    } else this.full.delete(name);
  }
}

function nameOf({ stream, lane, partition }: Place): string {
  return `${stream} ${lane}/${partition}`;
}
