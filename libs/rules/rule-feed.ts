import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';
import { ruleDefinitionSchema, ruleScopeSchema } from './rule-definition.js';
import type { BookRule } from './rule-index.js';
import { type RulesConfig, rulesConfig } from './rules.config.js';
import { type RuleRow, RulesRepository } from './rules.repository.js';

/**
 * Every rule in memory, loaded at start and fresh to the poll interval. While the registry is down it serves what it
 * knows; a rule that this release cannot read is left out and logged.
 */
@Injectable()
export class RuleFeed {
  /** Grows with every change. */
  version = 0;
  private readonly known = new Map<string, { changed: string; rule: BookRule | undefined }>();
  private horizon = '0';
  private running = false;
  private failing = false;
  private cancel = () => {};
  private underWay: Promise<void> = Promise.resolve();

  constructor(
    @Inject(RulesRepository) private readonly repository: RulesRepository,
    @Inject(rulesConfig.KEY) private readonly config: RulesConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'rule-feed',
      order: startOrder.directories,
      start: () => this.start(),
      stop: () => this.stop(),
    });
  }

  /** Every rule, withdrawn ones included. */
  all(): BookRule[] {
    return [...this.known.values()].flatMap(({ rule }) => (rule ? [rule] : []));
  }

  /** Looks for changes now. While the registry is down it goes on with what it knows. */
  catchUp(): Promise<void> {
    this.underWay = this.underWay.then(() => this.refresh());
    return this.underWay;
  }

  private async start(): Promise<void> {
    const next = await this.repository.horizon();
    this.take(await this.repository.written(undefined));
    this.horizon = next;
    this.running = true;
    this.plan();
  }

  private async stop(): Promise<void> {
    this.running = false;
    this.cancel();
    await this.underWay;
  }

  private plan(): void {
    if (!this.running) return;
    this.cancel = this.clock.after(this.config.pollMs, () => {
      void this.catchUp().then(() => this.plan());
    });
  }

  private async refresh(): Promise<void> {
    try {
      const next = await this.repository.horizon();
      this.take(await this.repository.written(this.horizon));
      this.horizon = next;
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.logger.warn({ err: error }, 'the registry does not answer; judging by the rules known');
      this.failing = true;
    }
  }

  /** Keeps rows; one whose transaction is still at or above the horizon comes again and is recognised. */
  private take(rows: readonly RuleRow[]): void {
    let fresh = false;
    for (const row of rows) {
      if (this.known.get(row.key)?.changed === row.changed) continue;
      this.known.set(row.key, { changed: row.changed, rule: this.read(row) });
      fresh = true;
    }
    if (fresh) this.version += 1;
  }

  private read(row: RuleRow): BookRule | undefined {
    const definition = ruleDefinitionSchema.safeParse(row.definition);
    const scope = ruleScopeSchema.safeParse(row.scope);
    if (!definition.success || !scope.success) {
      const problem = (definition.error ?? scope.error)?.message;
      this.logger.error({ rule: row.key, problem }, 'a rule cannot be read and judges nothing');
      return undefined;
    }
    const { key, ordinal, revision, severity, tenantKey, overridesKey, enabled } = row;
    return {
      key,
      ordinal,
      revision,
      severity,
      tenantKey,
      overridesKey,
      enabled,
      deleted: row.deletedAt !== null,
      scope: scope.data,
      definition: definition.data,
    };
  }
}
