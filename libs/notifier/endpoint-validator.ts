import { Inject } from '@nestjs/common';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock } from '#libs/runtime';
import { Egress } from './egress.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import { UpkeepRepository } from './upkeep.repository.js';
import { handshakeProblem } from './webhook/handshake.js';

/** Longer than a handshake may take. */
const longestMs = 150_000;

/** Asks new endpoints that want it whether they agree to be called (CloudEvents handshake). */
export class EndpointValidator {
  constructor(
    @Inject(UpkeepRepository) private readonly upkeep: UpkeepRepository,
    @Inject(Egress) private readonly egress: Egress,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Leases) private readonly leases: Leases,
  ) {}

  /** One round, of one notifier at a time; a slow endpoint keeps only the next round waiting. */
  async run(): Promise<void> {
    if ((await this.upkeep.validating()).length === 0) return;
    await this.leases.exclusively('webhook validation', longestMs, () => this.ask());
  }

  private async ask(): Promise<void> {
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
