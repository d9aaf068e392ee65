import { Inject, Injectable } from '@nestjs/common';
import { LIFECYCLE, type Lifecycle, LOGGER, type Logger, METRICS, type Metrics, startOrder } from '#libs/runtime';
import { PresenceRepository, type PresenceRow } from './presence.repository.js';
import type { PresencePartition } from './presence-partition.js';

const rowsPerWrite = 1_000;

/**
 * Tells the registry, beside the stage and never in its way: one write at a time, of what the partitions have to tell.
 * While the registry is down they keep it, durably, and are asked again.
 */
@Injectable()
export class PresenceWriter {
  private underWay: Promise<void> | undefined;
  private failing = false;
  private readonly failures;

  constructor(
    @Inject(PresenceRepository) private readonly repository: PresenceRepository,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    this.failures = metrics.counter('presence_write_failures_total', 'Writes of presence to the registry that failed.');
    // Stops after the stages, which ask for writes, and before the registry.
    lifecycle.add({
      name: 'presence-writer',
      order: startOrder.directories,
      start: async () => {},
      stop: async () => this.underWay,
    });
  }

  /** Begins a write, unless one is under way or nothing is to be told. */
  write(partitions: Iterable<PresencePartition>): void {
    if (this.underWay) return;
    const rows: PresenceRow[] = [];
    const told: (() => void)[] = [];
    for (const partition of partitions) {
      if (rows.length >= rowsPerWrite) break;
      const { rows: own, confirm } = partition.untold(rowsPerWrite - rows.length);
      rows.push(...own);
      told.push(confirm);
    }
    if (rows.length === 0) return;
    this.underWay = this.send(rows, told).finally(() => {
      this.underWay = undefined;
    });
  }

  private async send(rows: readonly PresenceRow[], told: readonly (() => void)[]): Promise<void> {
    try {
      await this.repository.write(rows);
      for (const confirm of told) confirm();
      this.failing = false;
    } catch (error) {
      this.failures.inc();
      if (!this.failing) this.logger.warn({ err: error }, 'presence waits for the registry');
      this.failing = true;
    }
  }
}
