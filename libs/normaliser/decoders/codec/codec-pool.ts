import type { Clock, Metrics } from '#libs/runtime';
import type { CodecConfig } from '../../normaliser.config.js';
import { type CodecAnswer, type CodecFrame, failed, isCostly } from './codec-answer.js';
import { CodecThread, type ThreadEnd } from './codec-thread.js';

/** Frames for one codec, of one tenant. */
export interface CodecRequest {
  /** Identifies the codec over all its tenants: a suspension holds for all of them. */
  codec: string;
  tenantKey: string;
  script: string;
  frames: readonly CodecFrame[];
  /** Goes before everything that is not. */
  urgent: boolean;
}

interface Pending extends CodecRequest {
  answers: (CodecAnswer | undefined)[];
  /** How often each frame has killed its thread. */
  kills: Map<number, number>;
  loadingKills: number;
  resolve: (answers: CodecAnswer[]) => void;
  reject: (error: Error) => void;
}

interface Standing {
  /** Times of costly failures lately. */
  failures: number[];
  suspendedUntil: number;
}

/** A frame that killed its thread is tried once more, alone and with more patience: the machine may have been busy. */
const allowedKills = 2;
const maxPending = 1_000;

/**
 * Runs vendors' codecs in threads of their own. Requests take turns, slice by slice, so that a slow codec delays nobody
 * for long; a thread without progress is killed, the frame that did it is found and refused alone, and the others are run
 * again. A codec that keeps doing it is suspended.
 */
export class CodecPool {
  private readonly threads: CodecThread[] = [];
  private readonly waiting: { urgent: Pending[]; bulk: Pending[] } = { urgent: [], bulk: [] };
  private readonly standings = new Map<string, Standing>();
  private readonly calls;
  private readonly kills;
  private readonly suspensions;
  private stopped = false;

  constructor(
    private readonly config: CodecConfig,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.calls = metrics.counter('codec_calls_total', 'Frames that a codec was run on.');
    this.kills = metrics.counter('codec_kills_total', 'Codec threads killed because they made no progress or died.');
    this.suspensions = metrics.counter('codec_suspensions_total', 'Codecs suspended after too many costly failures.');
  }

  /** One answer per frame, in order. Rejects only where the pool is stopped, overloaded or cannot run threads at all. */
  run(request: CodecRequest): Promise<CodecAnswer[]> {
    if (this.stopped) return Promise.reject(new Error('the codec pool is stopped'));
    const queue = request.urgent ? this.waiting.urgent : this.waiting.bulk;
    if (queue.length >= maxPending) return Promise.reject(new Error(`${maxPending} codec requests are waiting`));
    return new Promise((resolve, reject) => {
      const answers: (CodecAnswer | undefined)[] = Array.from({ length: request.frames.length });
      queue.push({ ...request, answers, kills: new Map(), loadingKills: 0, resolve, reject });
      this.dispatch();
    });
  }

  /** Ends the threads; what waits is rejected. */
  async stop(): Promise<void> {
    this.stopped = true;
    const waiting = [...this.waiting.urgent.splice(0), ...this.waiting.bulk.splice(0)];
    for (const pending of waiting) pending.reject(new Error('the codec pool is stopped'));
    await Promise.all(this.threads.map((thread) => thread.stop()));
  }

  private dispatch(): void {
    while (!this.stopped) {
      const thread = this.idleThread();
      if (!thread) return;
      const pending = this.waiting.urgent.shift() ?? this.waiting.bulk.shift();
      if (!pending) return;
      this.advance(pending, thread);
    }
  }

  private idleThread(): CodecThread | undefined {
    const idle = this.threads.find((thread) => !thread.busy);
    if (idle || this.threads.length >= this.config.workers) return idle;
    const thread = new CodecThread(this.config);
    this.threads.push(thread);
    return thread;
  }

  /** Gives the request's next frames to a thread, or answers it where none is left. */
  private advance(pending: Pending, thread: CodecThread): void {
    const standing = this.standings.get(pending.codec);
    if (standing && standing.suspendedUntil > this.clock.now()) this.refuseRest(pending, suspended(this.config));
    const start = pending.answers.indexOf(undefined);
    if (start < 0) {
      pending.resolve(pending.answers as CodecAnswer[]);
      return;
    }
    const suspect = pending.kills.has(start);
    let end = start + 1;
    while (
      !suspect &&
      end < pending.frames.length &&
      end - start < this.config.batch &&
      !pending.answers[end] &&
      !pending.kills.has(end)
    ) {
      end += 1;
    }
    void thread
      .work(`${pending.codec} ${pending.tenantKey}`, pending.script, pending.frames.slice(start, end), suspect)
      .then((outcome) => this.settle(pending, start, outcome))
      .catch((error: Error) => pending.reject(error))
      .finally(() => this.dispatch());
  }

  private settle(pending: Pending, start: number, outcome: ThreadEnd): void {
    if (outcome.kind === 'answered') {
      this.calls.inc(outcome.answers.length);
      outcome.answers.forEach((answer, index) => {
        pending.answers[start + index] = answer;
        if (isCostly(answer)) this.countFailure(pending.codec);
      });
    } else if (!this.stopped) this.blame(pending, start, outcome);
    if (this.stopped) pending.reject(new Error('the codec pool is stopped'));
    else (pending.urgent ? this.waiting.urgent : this.waiting.bulk).push(pending);
  }

  /** A thread died over this request: finds who did it. */
  private blame(pending: Pending, start: number, killed: Extract<ThreadEnd, { kind: 'killed' }>): void {
    this.kills.inc();
    const reason = killed.silent ? 'codec_timeout' : 'codec_crashed';
    if (killed.at < 0) {
      pending.loadingKills += 1;
      if (pending.loadingKills >= allowedKills) {
        this.countFailure(pending.codec);
        this.refuseRest(pending, failed(reason, 'The codec does not come to an end while its script is loaded.'));
      }
      return;
    }
    const index = start + killed.at;
    const kills = (pending.kills.get(index) ?? 0) + 1;
    pending.kills.set(index, kills);
    if (kills >= allowedKills) {
      this.countFailure(pending.codec);
      pending.answers[index] = failed(
        reason,
        'The codec does not come to an end on this frame, and its thread had to be killed.',
      );
    }
  }

  private refuseRest(pending: Pending, answer: CodecAnswer): void {
    for (let index = 0; index < pending.answers.length; index += 1) pending.answers[index] ??= answer;
  }

  private countFailure(codec: string): void {
    const now = this.clock.now();
    const standing = this.standings.get(codec) ?? { failures: [], suspendedUntil: 0 };
    standing.failures = [...standing.failures.filter((at) => now - at < this.config.suspensionMs), now];
    if (standing.failures.length >= this.config.failures && standing.suspendedUntil <= now) {
      standing.suspendedUntil = now + this.config.suspensionMs;
      standing.failures = [];
      this.suspensions.inc();
    }
    this.standings.delete(codec);
    this.standings.set(codec, standing);
    const oldest = this.standings.keys().next().value;
    if (this.standings.size > maxPending && oldest !== undefined) this.standings.delete(oldest);
  }
}

function suspended(config: CodecConfig): CodecAnswer {
  return failed(
    'codec_suspended',
    `The codec ran out of time or memory ${config.failures} times, and is not run for ${Math.round(config.suspensionMs / 1000)} s. Mend it, then replay.`,
  );
}
