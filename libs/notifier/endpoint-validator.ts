import { Inject } from '@nestjs/common';
import { CLOCK, type Clock } from '#libs/runtime';
import { Egress } from './egress.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import { UpkeepRepository } from './upkeep.repository.js';
import { handshakeProblem } from './webhook/handshake.js';

/** Asks new endpoints that want it whether they agree to be called (CloudEvents handshake). */
export class EndpointValidator {
  constructor(
    @Inject(UpkeepRepository) private readonly upkeep: UpkeepRepository,
    @Inject(Egress) private readonly egress: Egress,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** One round; a slow endpoint keeps only itself waiting. */
  async run(): Promise<void> {
    const waiting = await this.upkeep.validating();
    await Promise.all(
      waiting.map(async (endpoint) => {
        const answer = await this.egress.handshake(endpoint);
        const problem = handshakeProblem(answer, this.config.handshakeOrigin);
        await this.upkeep.validated(endpoint, problem, this.clock.now());
      }),
    );
  }
}
