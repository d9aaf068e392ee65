import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { rules } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Lifecycle, readConfig, systemClock } from '#libs/runtime';
import { BuiltInRules } from './built-in/built-in-rules.js';
import { RuleFeed } from './rule-feed.js';
import { rulesConfig } from './rules.config.js';
import { RulesRepository } from './rules.repository.js';

describe('RuleFeed', () => {
  let registry: TestRegistry;
  const lifecycles: Lifecycle[] = [];
  beforeAll(async () => {
    registry = await openTestRegistry();
  }, 60_000);
  afterAll(async () => {
    for (const lifecycle of lifecycles) await lifecycle.stop();
    await registry.stop();
  });

  /** The rules as one process has them, with the settings by default. */
  async function open(): Promise<RuleFeed> {
    const logger = createLogger('test', 'silent');
    const lifecycle = new Lifecycle(logger);
    const repository = new RulesRepository(registry.database);
    new BuiltInRules(repository, lifecycle);
    const feed = new RuleFeed(repository, readConfig(rulesConfig, {}), systemClock, logger, lifecycle);
    lifecycles.push(lifecycle);
    await lifecycle.start();
    return feed;
  }

  it('is the same in every process, within a second of a change', async () => {
    const feeds = await Promise.all([open(), open(), open()]);
    const [first] = (feeds[0] as RuleFeed).all();
    expect(new Set(feeds.map((feed) => feed.all().length)).size).toBe(1);
    const delays: number[] = [];
    for (const enabled of [false, true, false, true, false]) {
      await registry.database
        .update(rules)
        .set({ enabled })
        .where(eq(rules.key, first?.key ?? ''));
      const changed = performance.now();
      const seen = (feed: RuleFeed) => feed.all().find(({ key }) => key === first?.key)?.enabled === enabled;
      while (!feeds.every(seen)) await new Promise((resolve) => setTimeout(resolve, 10));
      delays.push(performance.now() - changed);
    }
    // The machine may be busy with other tests: most of them, not each.
    expect(delays.sort((a, b) => a - b)[2]).toBeLessThan(1_000);
  }, 30_000);
});
