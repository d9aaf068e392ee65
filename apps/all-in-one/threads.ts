import { Inject, Injectable } from '@nestjs/common';
import { EmbeddedRegistry } from '#libs/registry-db';
import {
  type Announcement,
  AppThread,
  ENVIRONMENT,
  type Environment,
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

/** The connections each thread may hold; with the API's own they stay below what the embedded registry serves. */
const registryPool = { gateway: '1', pipeline: '2' } as const;

/** The gateway and the pipeline, each in a thread of its own, so that nothing slow runs on the broker's. */
@Injectable()
export class Threads {
  private readonly announcements = new Map<string, Announcement>();

  constructor(
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(ENVIRONMENT) private readonly environment: Environment,
    @Inject(EmbeddedRegistry) private readonly registry: EmbeddedRegistry,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
    @Inject(HEALTH) health: Health,
  ) {
    for (const [name, order] of [
      ['pipeline', startOrder.stages],
      ['gateway', startOrder.intake],
    ] as const) {
      const thread = new AppThread(name, new URL(`../${name}/main.js`, import.meta.url), (error) =>
        this.died(name, error),
      );
      lifecycle.add({
        name,
        order,
        start: async () => {
          this.announcements.set(name, await thread.start(this.environmentOf(name)));
        },
        stop: () => thread.stop(),
      });
      metrics.addSource(() => thread.metrics());
      health.add(name, async () => {
        const { ready, checks } = await thread.health();
        if (ready) return undefined;
        const failing = Object.entries(checks).filter(([, check]) => !check.ok);
        return failing.map(([check, { detail }]) => `${check}: ${detail}`).join('; ');
      });
    }
  }

  /** What the gateway thread listens on. */
  get gateway(): Announcement {
    return this.announcements.get('gateway') ?? {};
  }

  private environmentOf(name: keyof typeof registryPool): Environment {
    const url = this.registry.url;
    const embedded = { REGISTRY_KIND: 'postgresql', REGISTRY_URL: url, REGISTRY_POOL_SIZE: registryPool[name] };
    return {
      ...this.environment,
      ...(url === undefined ? {} : embedded),
      REGISTRY_MIGRATE: 'false',
    };
  }

  /** A thread that ends on its own takes the process along: nothing acknowledged is lost, and a restart mends it. */
  private died(name: string, error: Error): void {
    this.logger.fatal({ err: error, thread: name }, 'a thread died; stopping');
    process.exit(1);
  }
}
