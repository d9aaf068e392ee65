import { rowsIn } from '#libs/contracts';
import { type Clock, isTransient, type Logger, sleep, systemClock } from '#libs/runtime';
import type { StageBatch, StageResult } from '../stage.js';
import {
  StreamCorruptError,
  StreamFailedError,
  StreamFencedError,
  StreamUnavailableError,
  StreamUsageError,
} from '../stream.errors.js';
import type { Append, Entry, Source, StateChange, StreamLog } from '../stream.port.js';
import type { BatchBudget } from './batch-budget.js';
import { deadLettersOf, messageOf } from './stage-failure.js';
import type { StageMeter } from './stage-metrics.js';
import type { Turns } from './turns.js';

/** What a source worker works with. */
export interface SourceWork {
  log: StreamLog;
  clock: Clock;
  logger: Logger;
  meter: StageMeter;
  turns: Turns;
  budget: BatchBudget;
  /** Times a batch is tried before it is halved. */
  attempts: number;
  /** Least time between two batches, in milliseconds. */
  paceMs: number;
  handle(batch: StageBatch): Promise<StageResult | undefined>;
  reset(source: Source): Promise<void>;
  /** The log itself has failed, or cannot be believed: as long as this process lives, nobody works on the source. */
  onFatal(error: unknown): void;
}

const firstBackOffMs = 100;
const longestBackOffMs = 10_000;

/**
 * Works through one (group, lane, partition) for as long as this process owns it: one batch at a time, in order, each
 * committed before the next is read.
 */
export class SourceWorker {
  private readonly stopping = new AbortController();
  /** The partition is another's: nothing more is committed. */
  private abandoned = false;
  private position: number | undefined;
  private dirty = false;
  private tickDue = false;
  /** When the last batch was read, by `performance.now()`. */
  private readAt = Number.NEGATIVE_INFINITY;
  /** The last read left entries behind. */
  private behind = false;
  private running: Promise<void> | undefined;
  /** Since when the same entries fail, and why; undefined when well. */
  private trouble: { since: number; message: string } | undefined;

  constructor(
    readonly source: Source,
    private readonly work: SourceWork,
  ) {}

  /** There may be something to read. */
  wake(): void {
    this.dirty = true;
    this.run();
  }

  /** It is time for a call without entries. */
  tick(): void {
    this.tickDue = true;
    this.run();
  }

  /** Begins nothing more; resolves when what is under way has been committed. */
  async drain(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Begins and commits nothing more; resolves when the handler is back. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.drain();
  }

  /** What it has been failing at for longer than `ms`. */
  stuckFor(ms: number): string | undefined {
    const { trouble, source } = this;
    if (!trouble || this.work.clock.now() - trouble.since < ms) return undefined;
    return `${source.stream}/${source.group} ${source.lane}/${source.partition}: ${trouble.message}`;
  }

  private run(): void {
    if (this.running || this.stopping.signal.aborted) return;
    this.running = this.loop().then(
      () => {
        this.running = undefined;
        if (this.dirty || this.tickDue) this.run();
      },
      (error: unknown) => {
        // This source stays where it is.
        this.trouble = { since: 0, message: messageOf(error) };
        this.work.logger.error({ err: error, source: this.source }, 'a stage stopped: the stream has failed');
        if (!this.stopping.signal.aborted) this.work.onFatal(error);
      },
    );
  }

  private async loop(): Promise<void> {
    const { turns, budget } = this.work;
    const { signal } = this.stopping;
    while ((this.dirty || this.tickDue) && !signal.aborted) {
      if (this.dirty && !this.tickDue) await this.pace();
      if (signal.aborted) return;
      const turn = await turns.take(this.source.lane);
      if (this.dirty) {
        this.dirty = false;
        this.readAt = performance.now();
        const entries = await this.read();
        if (entries.length > 0) {
          this.dirty = true;
          const bytes = entries.reduce((sum, { data }) => sum + data.byteLength, 0);
          this.behind = entries.length >= budget.maxEntries || bytes * 2 >= budget.maxBytes;
          await this.workThrough(entries);
          budget.learn(turn, bytes);
        } else {
          this.behind = false;
        }
      }
      if (this.tickDue && !signal.aborted) {
        this.tickDue = false;
        await this.handleTick();
      }
    }
  }

  /**
   * Lets small batches gather: under load a batch costs far more than one more message in it. The first after a pause is
   * never held up, nor is a backlog. By the machine's clock, whatever the platform's: it is the machine that is spared.
   */
  private async pace(): Promise<void> {
    const waitMs = this.readAt + this.work.paceMs - performance.now();
    if (waitMs > 0 && !this.behind) await sleep(systemClock, waitMs, this.stopping.signal);
  }

  /** The next batch; waits for as long as the stream cannot be read. */
  private async read(): Promise<Entry[]> {
    const { log, budget, clock, logger } = this.work;
    const options = { maxEntries: budget.maxEntries, maxBytes: budget.maxBytes };
    for (let failures = 0; !this.stopping.signal.aborted; ) {
      try {
        const entries = await log.read(
          this.source,
          this.position === undefined ? options : { ...options, after: this.position },
        );
        if (failures > 0) this.trouble = undefined;
        return entries;
      } catch (error) {
        if (!(error instanceof StreamUnavailableError)) throw error;
        if (failures === 0) logger.warn({ err: error, source: this.source }, 'a stage waits to read the stream');
        this.trouble ??= { since: clock.now(), message: error.message };
        await this.backOff(++failures);
      }
    }
    return [];
  }

  /** Returns when all of `entries` have been committed or dead-lettered, or when the worker drains. */
  private async workThrough(entries: readonly Entry[]): Promise<void> {
    const { attempts } = this.work;
    const { signal } = this.stopping;
    let left = entries;
    let size = left.length;
    let failures = 0;
    let failuresAlone = 0;
    let transient = 0;
    while (left.length > 0 && !signal.aborted) {
      const batch = left.slice(0, size);
      const outcome = await this.attempt(batch);
      if (outcome.kind === 'done') {
        left = left.filter(({ position }) => position > outcome.upTo);
        transient = 0;
        failuresAlone = 0;
        // While the poisonous entry is being looked for, what is left stays in small pieces.
        if (failures < attempts) failures = 0;
        if (failures === 0) size = Math.max(1, left.length);
        if (outcome.upTo < (batch[0] as Entry).position) await this.backOff(1);
        continue;
      }
      if (outcome.kind === 'draining') return;
      this.trouble ??= { since: this.work.clock.now(), message: messageOf(outcome.error) };
      await this.work.reset(this.source);
      if (outcome.transient) {
        await this.backOff(++transient);
        continue;
      }
      if (batch.length > 1) {
        failures++;
        if (failures < attempts) await this.backOff(failures);
        else size = Math.ceil(batch.length / 2);
        continue;
      }
      // Nothing is given up for the failure of another.
      failuresAlone++;
      if (failuresAlone < attempts) {
        await this.backOff(failuresAlone);
        continue;
      }
      await this.deadLetter(batch[0] as Entry, outcome.error);
      left = left.slice(1);
      failures = 0;
      failuresAlone = 0;
      size = Math.max(1, left.length);
    }
  }

  private async attempt(batch: readonly Entry[]): Promise<Outcome> {
    const { source } = this;
    const { meter, handle } = this.work;
    const last = (batch.at(-1) as Entry).position;
    // Before the handler: an entry's bytes may be gone after an await.
    const messages = batch.map(({ data }) => rowsIn(data));
    try {
      const handled = meter.handling();
      const result = (await handle({ source, entries: batch })) ?? {};
      handled();
      const upTo = result.upTo ?? last;
      if (upTo > last) throw new StreamUsageError(`the stage answered upTo ${upTo}, but its batch ends at ${last}`);
      const acknowledge = upTo >= (batch[0] as Entry).position;
      if (!(await this.commit(acknowledge ? upTo : undefined, result.append ?? [], result.state ?? []))) {
        return { kind: 'draining' };
      }
      if (acknowledge) {
        this.position = upTo;
        this.count(upTo === last ? batch : batch.filter(({ position }) => position <= upTo), messages);
      }
      return { kind: 'done', upTo };
    } catch (error) {
      if (error instanceof StreamFailedError || error instanceof StreamCorruptError) throw error;
      return this.failed(error, batch);
    }
  }

  /** Counts what has been acknowledged; `messages` are those of each entry. */
  private count(entries: readonly Entry[], messages: readonly number[]): void {
    const { meter, clock } = this.work;
    let sum = 0;
    for (let index = 0; index < entries.length; index += 1) sum += messages[index] as number;
    const { appendedAt } = entries[0] as Entry;
    const { lane } = this.source;
    meter.worked({ lane, entries: entries.length, messages: sum, appendedAt, acknowledgedAt: clock.now() });
  }

  private failed(error: unknown, batch: readonly Entry[]): Outcome {
    const { meter, logger } = this.work;
    const transient = isTransient(error);
    meter.failed(transient ? 'transient' : 'error');
    const at = { source: this.source, first: batch[0]?.position, entries: batch.length };
    logger.warn({ err: error, ...at }, transient ? 'a stage cannot work just now' : 'a stage failed on a batch');
    return { kind: 'failed', error, transient };
  }

  /**
   * Commits, waiting out a full disk. False where nothing is kept: the worker drains before there is room, or the
   * partition has another owner.
   */
  private async commit(
    upTo: number | undefined,
    append: readonly Append[],
    state: readonly StateChange[],
    givenUp = 0,
  ): Promise<boolean> {
    const { log, meter, logger } = this.work;
    for (let failures = 0; !this.abandoned; ) {
      const committed = meter.committing();
      try {
        await log.commit({ source: this.source, upTo, append, state, givenUp });
        committed();
        meter.putOut(append);
        this.trouble = undefined;
        return true;
      } catch (error) {
        if (error instanceof StreamFencedError) return this.fenced(error);
        if (!(error instanceof StreamUnavailableError)) throw error;
        meter.failed('commit');
        if (failures === 0) logger.warn({ err: error, source: this.source }, 'a commit waits for the stream');
        this.trouble ??= { since: this.work.clock.now(), message: error.message };
        await this.backOff(++failures);
        if (this.stopping.signal.aborted) return false;
      }
    }
    return false;
  }

  private fenced(error: StreamFencedError): false {
    const { meter, logger } = this.work;
    this.abandoned = true;
    this.stopping.abort();
    meter.failed('fenced');
    logger.warn({ err: error, source: this.source }, 'a commit was refused: the partition has another owner');
    return false;
  }

  private async deadLetter(entry: Entry, error: unknown): Promise<void> {
    const { clock, meter, logger } = this.work;
    const messages = rowsIn(entry.data);
    logger.error(
      { err: error, source: this.source, position: entry.position },
      'a stage cannot take an entry: it goes to dead letters',
    );
    const letters = deadLettersOf(this.source, entry, error, clock.now());
    if (!(await this.commit(entry.position, letters, [], messages))) return;
    this.position = entry.position;
    this.count([entry], [messages]);
    meter.gaveUp(messages);
  }

  private async handleTick(): Promise<void> {
    const { meter, logger, handle, reset } = this.work;
    try {
      const result = (await handle({ source: this.source, entries: [] })) ?? {};
      const { append = [], state = [] } = result;
      if (append.length > 0 || state.length > 0) await this.commit(undefined, append, state);
    } catch (error) {
      if (error instanceof StreamFailedError || error instanceof StreamCorruptError) throw error;
      meter.failed('tick');
      logger.warn({ err: error, source: this.source }, "a stage failed on its timer's call");
      await reset(this.source);
    }
  }

  private backOff(failures: number): Promise<void> {
    const delayMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** (failures - 1));
    return sleep(this.work.clock, delayMs, this.stopping.signal);
  }
}

type Outcome =
  | { kind: 'done'; upTo: number }
  | { kind: 'failed'; error: unknown; transient: boolean }
  | { kind: 'draining' };
