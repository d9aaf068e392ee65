import { Inject } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { type Lane, streams } from '#libs/contracts';
import { DATABASE, type Database } from '#libs/registry-db';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { type Lag, STREAM, type StreamLog } from '#libs/stream';
import { Fleet } from '../fleet/fleet.js';
import { deviceStates } from '../fleet/fleet-table.js';
import { type OverviewConfig, overviewConfig } from '../overview.config.js';
import { FlowHistory, type Kind } from './flow-history.js';
import { MessageCount } from './message-count.js';

/** How far one stage is behind, in all partitions of a lane. */
export interface StageLag {
  stage: string;
  stream: string;
  lane: Lane;
  messages: number;
  ageMs: number;
}

const online = deviceStates.indexOf('online');

/** Looks at the flow every few seconds, from counts that are kept with the work itself: the same in every process. */
export class FlowWatch {
  readonly history = new FlowHistory();
  /** As of the latest sample. */
  lags: readonly StageLag[] = [];
  private readonly loop: Loop;

  constructor(
    @Inject(overviewConfig.KEY) config: OverviewConfig,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Fleet) private readonly fleet: Fleet,
    @Inject(MessageCount) private readonly messages: MessageCount,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    this.loop = new Loop({ name: 'flow watch', clock, logger, pollMs: config.sampleMs, turn: () => this.sample() });
    lifecycle.add({
      name: 'flow watch',
      order: startOrder.api,
      start: async () => this.loop.start(),
      stop: async () => {
        await this.loop.stop();
        this.messages.stop();
      },
    });
  }

  private async sample(): Promise<false> {
    const from = this.history.latest?.at ?? this.clock.now();
    const lags = await this.stream.lag();
    const discarded = await this.discarded();
    this.lags = lagsByStage(lags);
    this.history.add({
      at: this.clock.now(),
      received: receivedOf(lags),
      byKind: this.messages.collect(from),
      discarded,
      lagMs: Math.max(0, ...lags.map(({ ageMs }) => ageMs)),
      lagMessages: this.lags.reduce((sum, { messages }) => sum + messages, 0),
      fleet: this.fleetByKind(),
    });
    return false;
  }

  private async discarded(): Promise<Map<string, number>> {
    const { rows } = await this.database.execute(
      sql`select tenant_key as tenant, sum(letters)::float8 as letters from dead_letter_counts group by tenant_key`,
    );
    return new Map((rows as { tenant: string; letters: number }[]).map(({ tenant, letters }) => [tenant, letters]));
  }

  private fleetByKind(): (Kind & { online: number; alerts: number })[] {
    const kinds = new Map<string, Kind & { online: number; alerts: number }>();
    for (const { tenantKey, productKey, devices, alerts } of this.fleet.table.groups) {
      const name = `${tenantKey}/${productKey}`;
      const kind = kinds.get(name) ?? { tenantKey, productKey, online: 0, alerts: 0 };
      kind.online += devices[online] ?? 0;
      kind.alerts += alerts.reduce((sum, count) => sum + count, 0);
      kinds.set(name, kind);
    }
    return [...kinds.values()];
  }
}

/** Messages that came into the flow since ever: every group of a stream tells the same of it, so one is asked. */
export function receivedOf(lags: readonly Lag[]): number {
  const raw = lags.filter(({ stream, group }) => stream === streams.raw && group === 'normaliser');
  return raw.reduce((sum, { messages }) => sum + messages.appended, 0);
}

/** Every stage and lane, with its partitions added up. */
export function lagsByStage(lags: readonly Lag[]): StageLag[] {
  const stages = new Map<string, StageLag>();
  for (const { stream, group, lane, ageMs, messages } of lags) {
    const name = `${stream}/${group}/${lane}`;
    const stage = stages.get(name) ?? { stage: group, stream, lane, messages: 0, ageMs: 0 };
    stage.messages += messages.appended - messages.acknowledged;
    stage.ageMs = Math.max(stage.ageMs, ageMs);
    stages.set(name, stage);
  }
  return [...stages.values()].sort((a, b) => (a.stage + a.lane).localeCompare(b.stage + b.lane));
}
