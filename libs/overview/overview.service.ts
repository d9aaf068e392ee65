import { Inject } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ProductCatalogue } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { Fleet } from './fleet/fleet.js';
import { discardsOf, type FlowScope, type Trend } from './flow/flow-history.js';
import { FlowWatch } from './flow/flow-watch.js';
import { MessageCount } from './flow/message-count.js';
import { type OverviewConfig, overviewConfig } from './overview.config.js';
import type { OverviewView, SystemView, TrendView } from './overview.dto.js';
import { labelOf } from './product-label.js';
import { standingsOf } from './standings.js';
import type { Viewer } from './viewers.js';

const minuteMs = 60_000;
const rememberedScopes = 500;

/** The overview, put together once a tick for all who may see the same. */
export class OverviewService {
  private readonly views = new LRUCache<string, { at: number; view: OverviewView }>({ max: rememberedScopes });

  constructor(
    @Inject(overviewConfig.KEY) private readonly config: OverviewConfig,
    @Inject(Fleet) private readonly fleet: Fleet,
    @Inject(FlowWatch) private readonly flow: FlowWatch,
    @Inject(MessageCount) private readonly messages: MessageCount,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Throws 503 while not every device has been read. */
  view(viewer: Viewer): OverviewView {
    this.fleet.requireLoaded();
    const now = this.clock.now();
    const known = this.views.get(viewer.scope);
    if (known && now >= known.at && now - known.at < this.config.tickMs / 2) return known.view;
    const view = this.build(viewer, now);
    this.views.set(viewer.scope, { at: now, view });
    return view;
  }

  private build(viewer: Viewer, now: number): OverviewView {
    const whole = viewer.tenantKey === undefined;
    if (!whole) this.messages.want();
    const scope: FlowScope = { whole, tenantKey: viewer.tenantKey, sees: viewer.sees };
    const { history } = this.flow;
    const { latest } = history;
    return {
      at: new Date(now).toISOString(),
      ...standingsOf(this.fleet.table.groups, (key) => labelOf(this.catalogue, key), viewer),
      flow: {
        messagesPerSecond: history.messagesPerSecond(scope),
        discards: latest && viewer.readsDiscards ? discardsOf(latest.discarded, scope) : null,
        lagSeconds: latest ? latest.lagMs / 1000 : null,
      },
      trend: trendView(history.trend(scope, now), viewer),
      system: viewer.runsPlatform ? this.system() : null,
    };
  }

  private system(): SystemView {
    return {
      lagMessages: this.flow.history.latest?.lagMessages ?? 0,
      stages: this.flow.lags.map(({ stage, stream, lane, messages, ageMs }) => ({
        stage,
        stream,
        lane,
        messages,
        seconds: ageMs / 1000,
      })),
    };
  }
}

function trendView(trend: Trend, { readsAlerts, readsDiscards }: Viewer): TrendView {
  return {
    from: new Date(trend.from).toISOString(),
    stepMs: minuteMs,
    messagesPerSecond: trend.messagesPerSecond,
    discards: readsDiscards ? trend.discards : null,
    lagSeconds: trend.lagSeconds,
    devicesOnline: trend.devicesOnline,
    openAlerts: readsAlerts ? trend.openAlerts : null,
  };
}
