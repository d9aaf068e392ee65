import { Inject, Injectable } from '@nestjs/common';
import {
  CLOCK,
  type Clock,
  HEALTH,
  type Health,
  LIFECYCLE,
  type Lifecycle,
  LOGGER,
  type Logger,
  METRICS,
  type Metrics,
  startOrder,
} from '#libs/runtime';
import { RegistryPoll } from './registry-poll.js';

/** What the in-memory directories stand on: clock, lifecycle, health, log and the counter of failed reads. */
@Injectable()
export class DirectoryHost {
  private readonly failures;

  constructor(
    @Inject(CLOCK) readonly clock: Clock,
    @Inject(LIFECYCLE) private readonly lifecycle: Lifecycle,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(HEALTH) private readonly health: Health,
  ) {
    this.failures = metrics.counter(
      'devices_registry_failures_total',
      'Reads of the registry by the in-memory directories that failed.',
      ['read'],
    );
  }

  /** Runs a directory with the process: `load` once at start, then `refresh` every `pollMs`; its health is watched. */
  host(name: string, pollMs: number, directory: { load(): Promise<void>; refresh(): Promise<void> }): void {
    const surroundings = { clock: this.clock, logger: this.logger, failed: () => this.failures.inc({ read: 'poll' }) };
    const poll = new RegistryPoll(name, pollMs, surroundings, () => directory.refresh());
    this.lifecycle.add({
      name,
      order: startOrder.directories,
      start: async () => {
        await directory.load();
        poll.start();
      },
      stop: () => poll.stop(),
    });
    this.health.add(name, () => poll.health);
  }

  /** Counts a failed look-up of one device or product. */
  readonly lookupFailed = (error: Error): void => {
    this.failures.inc({ read: 'lookup' });
    this.logger.debug({ err: error }, 'a look-up in the registry failed');
  };
}
