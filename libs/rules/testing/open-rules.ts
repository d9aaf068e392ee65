import {
  decodeTransitions,
  encodeNormalisedMessages,
  type Lane,
  lanes,
  type NormalisedMessage,
  partitionOf,
  streams,
  type Transition,
} from '#libs/contracts';
import type { DeviceDirectory, ProductCatalogue } from '#libs/devices';
import type { Database } from '#libs/registry-db';
import { type Clock, createLogger, Lifecycle, Metrics, readConfig } from '#libs/runtime';
import type { Source, StageBatch, StageResult, StreamLog } from '#libs/stream';
import { BuiltInRules } from '../built-in/built-in-rules.js';
import { DeviceJudge } from '../device-judge.js';
import { GroupRulesStage } from '../group-rules.stage.js';
import { RuleBook } from '../rule-book.js';
import { RuleFeed } from '../rule-feed.js';
import { rulesConfig } from '../rules.config.js';
import { RulesMetrics } from '../rules.metrics.js';
import { RulesRepository } from '../rules.repository.js';
import { RulesStage } from '../rules.stage.js';
import { RulesHost } from '../rules-host.js';

/** The rules stages over a real stream and registry, worked by hand so that time can be scripted. */
export interface TestRules {
  stage: RulesStage;
  repository: RulesRepository;
  metrics: Metrics;
  book: RuleBook;
  /** Appends messages as the normaliser would, each to its device's lane and partition. */
  push(...messages: NormalisedMessage[]): Promise<void>;
  /** Works through everything appended, group readings included; `lose` throws the first batch's commit away. */
  work(options?: { lose?: boolean }): Promise<void>;
  /** One tick of every lane and partition, then the groups. */
  tick(): Promise<void>;
  /** Everything raised so far, in order of judgement. */
  transitions(): Promise<Transition[]>;
  stop(): Promise<void>;
}

/** Builds the stages. Rules are polled every 10 ms of `clock`. */
export async function openTestRules(options: {
  database: Database;
  log: StreamLog;
  clock: Clock;
  directory: DeviceDirectory;
  catalogue: ProductCatalogue;
  environment?: Record<string, string>;
}): Promise<TestRules> {
  const { database, log, clock, directory, catalogue } = options;
  const logger = createLogger('test', 'silent');
  const lifecycle = new Lifecycle(logger);
  const config = readConfig(rulesConfig, { RULES_POLL_MS: '10', ...options.environment });
  const metrics = new Metrics();
  const repository = new RulesRepository(database);
  new BuiltInRules(repository, lifecycle);
  const feed = new RuleFeed(repository, config, clock, logger, lifecycle);
  const book = new RuleBook(feed, catalogue);
  const host = new RulesHost(log, clock, config, new RulesMetrics(metrics));
  const stage = new RulesStage(log, directory, new DeviceJudge(book, clock), host);
  const groupStage = new GroupRulesStage(log, book, host);
  for (const stream of [streams.readings, streams.groupReadings]) await log.registerGroup(stream, 'rules');
  await lifecycle.start();

  const sources = (stream: string): Source[] =>
    lanes.flatMap((lane) =>
      [...Array(log.partitions).keys()].map((partition) => ({ stream, group: 'rules', lane, partition })),
    );
  const keep = (source: Source, upTo: number | undefined, { append = [], state = [] }: StageResult) =>
    append.length + state.length === 0 && upTo === undefined
      ? Promise.resolve()
      : log.commit({ source, upTo, append, state });
  const workThrough = async (stream: string, handle: (batch: StageBatch) => Promise<StageResult>, lose: boolean) => {
    for (const source of sources(stream)) {
      for (;;) {
        const entries = await log.read(source, { maxEntries: 100, maxBytes: 1_000_000 });
        const last = entries.at(-1);
        if (!last) break;
        const result = await handle({ source, entries });
        if (lose) {
          stage.reset(source);
          lose = false;
        } else await keep(source, last.position, result);
      }
    }
  };
  const workGroups = () => workThrough(streams.groupReadings, (batch) => groupStage.handle(batch), false);
  return {
    stage,
    repository,
    metrics,
    book,
    push: async (...messages) => {
      const entries = new Map<string, { lane: Lane; partition: number; messages: NormalisedMessage[] }>();
      for (const message of messages) {
        const lane = directory.byKey(message.deviceKey)?.lane ?? 'bulk';
        const partition = partitionOf(message.deviceKey, log.partitions);
        const name = `${lane}/${partition}`;
        const entry = entries.get(name) ?? { lane, partition, messages: [] };
        entries.set(name, entry);
        entry.messages.push(message);
      }
      await log.append(
        [...entries.values()].map(({ lane, partition, messages: data }) => ({
          stream: streams.readings,
          lane,
          partition,
          data: encodeNormalisedMessages(data),
        })),
      );
    },
    work: async ({ lose = false } = {}) => {
      await workThrough(streams.readings, (batch) => stage.handle(batch), lose);
      await workGroups();
    },
    tick: async () => {
      for (const source of sources(streams.readings)) {
        await keep(source, undefined, await stage.handle({ source, entries: [] }));
      }
      await workGroups();
    },
    transitions: async () => {
      const found: Transition[] = [];
      for (const source of sources(streams.transitions)) {
        const entries = await log.read(
          { ...source, group: 'look' },
          { after: 0, maxEntries: 1000, maxBytes: 10_000_000 },
        );
        for (const entry of entries) found.push(...decodeTransitions(entry.data));
      }
      return found.sort((a, b) => a.judgedAt - b.judgedAt);
    },
    stop: () => lifecycle.stop(),
  };
}
