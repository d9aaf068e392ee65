import { Module } from '@nestjs/common';
import { DevicesModule } from '#libs/devices';
import { configProvider } from '#libs/runtime';
import { BuiltInRules } from './built-in/built-in-rules.js';
import { DeviceJudge } from './device-judge.js';
import { GroupRulesStage } from './group-rules.stage.js';
import { RuleBook } from './rule-book.js';
import { RuleFeed } from './rule-feed.js';
import { rulesConfig } from './rules.config.js';
import { RulesMetrics } from './rules.metrics.js';
import { RulesRepository } from './rules.repository.js';
import { RulesStage } from './rules.stage.js';
import { RulesHost } from './rules-host.js';

/** Judges readings: `readings` -> `transitions`, and `group-readings` -> `transitions`. */
@Module({
  imports: [DevicesModule],
  controllers: [RulesStage, GroupRulesStage],
  providers: [
    configProvider(rulesConfig),
    RulesRepository,
    BuiltInRules,
    RuleFeed,
    RuleBook,
    DeviceJudge,
    RulesMetrics,
    RulesHost,
  ],
})
export class RulesStageModule {}
