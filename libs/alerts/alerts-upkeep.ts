import { Inject } from '@nestjs/common';
import { severities } from '#libs/contracts';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { AlertsRepository } from './alerts.repository.js';
import { OutboxRepository } from './outbox.repository.js';

const dayMs = 86_400_000;
const pruneEveryMs = 3_600_000;
/** A round of removing that takes longer is not waited for by other processes. */
const longestMs = 600_000;
/** A transition comes again from a dead letter within days, or not at all. */
const transitionMemoryMs = 30 * dayMs;

/** Counts open alerts for the metrics, and removes what is no longer kept. */
export class AlertsUpkeep {
  private readonly open;
  private prunedAt = 0;

  constructor(
    @Inject(AlertsRepository) private readonly alerts: AlertsRepository,
    @Inject(OutboxRepository) private readonly outbox: OutboxRepository,
    @Inject(alertsConfig.KEY) private readonly config: AlertsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Leases) private readonly leases: Leases,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.open = metrics.gauge('alerts_open', 'Alerts that are not cleared, by severity.', ['severity']);
  }

  /** One round of it. */
  async run(): Promise<void> {
    const counts = new Map((await this.alerts.countOpen()).map((row) => [row.severity, row.count]));
    for (const severity of severities) this.open.set({ severity }, counts.get(severity) ?? 0);
    const now = this.clock.now();
    if (now - this.prunedAt < pruneEveryMs) return;
    this.prunedAt = now;
    await this.leases.exclusively('alerts upkeep', longestMs, async () => {
      await this.outbox.prune(now - this.config.retentionDays * dayMs);
      await this.alerts.forgetTransitions(now - transitionMemoryMs);
    });
  }
}
