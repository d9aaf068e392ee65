import { withCertificateFix } from './certificates.js';
import { type Clock, sleep, systemClock } from './clock.js';
import type { Logger } from './logger.js';
import { isTransient } from './transient.js';

/** Injection token of the process's lifecycle. */
export const LIFECYCLE = Symbol('lifecycle');

/** Start order; the drain runs it backwards, so nothing loses what it stands on while it still works. */
export const startOrder = { http: -10, engines: 0, directories: 10, stages: 20, intake: 30, api: 40 } as const;

export interface Component {
  name: string;
  order: number;
  /** Called again, after a rest, where it fails with "not now" (`isTransient`). */
  start(): Promise<void>;
  /** Finishes what is under way, then lets go. */
  stop(): Promise<void>;
}

const firstRestMs = 250;
const longestRestMs = 5_000;
/** One line of log per so many attempts. */
const attemptsPerLine = 12;

/**
 * Starts components in order and drains them in reverse. Constructors assign; `start` connects; `stop` drains. What a
 * component needs and is not there yet (an engine that is down) is waited for: processes start in any order.
 */
export class Lifecycle {
  private readonly components: Component[] = [];
  private started: Component[] = [];
  private readonly stopping = new AbortController();
  private state: string | undefined = 'starting';

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock = systemClock,
  ) {}

  /** What start-up waits for, or that it is under way, or that the process drains; undefined while it runs. */
  get problem(): string | undefined {
    return this.state;
  }

  /** Registers a component; call it from a constructor. */
  add(component: Component): void {
    this.components.push(component);
  }

  /**
   * Starts everything. A component that cannot start now is tried again for as long as it takes; one that fails for good
   * makes it drain what had started, and rethrow. Resolves also when `stop` came first.
   */
  async start(): Promise<void> {
    const ordered = [...this.components].sort((a, b) => a.order - b.order);
    // A rest by itself keeps no process or thread alive.
    const alive = setInterval(() => {}, longestRestMs);
    try {
      for (const component of ordered) {
        if (this.stopping.signal.aborted) return;
        await this.startOne(component);
      }
      if (!this.stopping.signal.aborted) this.state = undefined;
    } finally {
      clearInterval(alive);
    }
  }

  /** Drains in reverse order; a component that fails to stop is logged and does not keep the others from draining. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.state = 'stopping';
    const stopping = this.started.reverse();
    this.started = [];
    for (const component of stopping) {
      try {
        await component.stop();
      } catch (error) {
        this.logger.error({ err: error, component: component.name }, 'component did not stop cleanly');
      }
    }
  }

  private async startOne(component: Component): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await component.start();
        if (signal.aborted) return await component.stop();
        this.started.push(component);
        if (attempt > 0) this.logger.info({ component: component.name }, 'what start-up waited for is there');
        this.state = 'starting';
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isTransient(error)) {
          this.logger.error({ err: error, component: component.name }, 'component did not start');
          await this.stop();
          throw error;
        }
        this.state = `starting: ${component.name} waits: ${reasonOf(error)}`;
        if (attempt % attemptsPerLine === 0) this.logger.warn({ component: component.name, err: error }, this.state);
        await sleep(this.clock, Math.min(longestRestMs, firstRestMs * 2 ** attempt), signal);
      }
    }
  }
}

/** The words of the innermost cause; a refused connection to several addresses has only a code. */
function reasonOf(error: unknown): string {
  const { message, code, cause } = error as { message?: string; code?: unknown; cause?: unknown };
  if (cause instanceof Error) return reasonOf(cause);
  return withCertificateFix(error, message || String(code ?? error));
}
