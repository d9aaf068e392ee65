import { Inject } from '@nestjs/common';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import { OutcomeRecorder } from './outcome-recorder.js';
import { UpkeepRepository } from './upkeep.repository.js';

const countEveryMs = 10_000;
const giveUpEveryMs = 60_000;
const pruneEveryMs = 3_600_000;
const dayMs = 86_400_000;
/** A round of removing that takes longer is not waited for by other notifiers. */
const longestMs = 600_000;
const states = ['unknown', 'healthy', 'failing', 'validating', 'disabled'];

/** Counts for the metrics, gives up what disabled endpoints have held too long, and removes what is no longer kept. */
export class NotifierUpkeep {
  private readonly pending;
  private readonly endpoints;
  private readonly last = { count: 0, giveUp: 0, prune: 0 };

  constructor(
    @Inject(UpkeepRepository) private readonly upkeep: UpkeepRepository,
    @Inject(OutcomeRecorder) private readonly recorder: OutcomeRecorder,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Leases) private readonly leases: Leases,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.pending = metrics.gauge('notifier_pending_deliveries', 'Deliveries that wait or are tried.');
    this.endpoints = metrics.gauge('notifier_endpoints', 'Webhook endpoints by how they are doing.', ['state']);
  }

  /** One round of what is due. */
  async run(): Promise<void> {
    if (this.due('count', countEveryMs)) await this.count();
    if (this.due('giveUp', giveUpEveryMs)) await this.alone(() => this.recorder.giveUpHeld(this.clock.now()));
    if (this.due('prune', pruneEveryMs)) await this.alone(() => this.prune());
  }

  private async alone(task: () => Promise<void>): Promise<void> {
    await this.leases.exclusively('notifier upkeep', longestMs, task);
  }

  private async count(): Promise<void> {
    const { pending, endpoints } = await this.upkeep.counts();
    this.pending.set(pending);
    const counts = new Map(endpoints.map((row) => [row.health, row.count]));
    for (const state of states) this.endpoints.set({ state }, counts.get(state) ?? 0);
  }

  private async prune(): Promise<void> {
    const before = this.clock.now() - this.config.retentionDays * dayMs;
    while (await this.upkeep.prune(before));
    await this.upkeep.pruneEvents(before);
  }

  private due(what: keyof NotifierUpkeep['last'], everyMs: number): boolean {
    const now = this.clock.now();
    if (now - this.last[what] < everyMs) return false;
    this.last[what] = now;
    return true;
  }
}
