import { Module } from '@nestjs/common';
import { BuiltInRules } from './built-in/built-in-rules.js';
import { RulesController } from './rules.controller.js';
import { RulesRepository } from './rules.repository.js';
import { RulesService } from './rules.service.js';

/** Rules over REST. */
@Module({
  controllers: [RulesController],
  providers: [RulesRepository, BuiltInRules, RulesService],
})
export class RulesApiModule {}
