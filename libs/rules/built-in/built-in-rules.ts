import { Inject, Injectable } from '@nestjs/common';
import { LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import { RulesRepository, type SeededRule } from '../rules.repository.js';
import { commonRules } from './common-rules.js';
import { fireRules } from './fire-rules.js';
import { parkingRules } from './parking-rules.js';
import { waterRules } from './water-rules.js';

/** The rules that judge every tenant's devices without anybody writing them (`protocols.md`, operator rules). */
export const builtInRules: readonly SeededRule[] = [...fireRules, ...waterRules, ...parkingRules, ...commonRules];

/** Puts the built-in rules into the registry at start. Those that somebody changed stay as they are. */
@Injectable()
export class BuiltInRules {
  constructor(@Inject(RulesRepository) repository: RulesRepository, @Inject(LIFECYCLE) lifecycle: Lifecycle) {
    lifecycle.add({
      name: 'built-in-rules',
      order: startOrder.directories - 1,
      start: () => repository.seed(builtInRules),
      stop: () => Promise.resolve(),
    });
  }
}
