import type { Logger } from './logger.js';

/** Injection token of the process's lifecycle. */
export const LIFECYCLE = Symbol('lifecycle');

/** Start order; the drain runs it backwards, so nothing loses what it stands on while it still works. */
export const startOrder = { engines: 0, directories: 10, stages: 20, intake: 30, api: 40 } as const;

export interface Component {
  name: string;
  order: number;
  start(): Promise<void>;
  /** Finishes what is under way, then lets go. */
  stop(): Promise<void>;
}

/** Starts components in order and drains them in reverse. Constructors assign; `start` connects; `stop` drains. */
export class Lifecycle {
  private readonly components: Component[] = [];
  private started: Component[] = [];

  constructor(private readonly logger: Logger) {}

  /** Registers a component; call it from a constructor. */
  add(component: Component): void {
    this.components.push(component);
  }

  /** Starts everything; when one fails, drains what had started and rethrows. */
  async start(): Promise<void> {
    const ordered = [...this.components].sort((a, b) => a.order - b.order);
    for (const component of ordered) {
      try {
        await component.start();
        this.started.push(component);
      } catch (error) {
        this.logger.error({ err: error, component: component.name }, 'component did not start');
        await this.stop();
        throw error;
      }
    }
  }

  /** Drains in reverse order; a component that fails to stop is logged and does not keep the others from draining. */
  async stop(): Promise<void> {
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
}
