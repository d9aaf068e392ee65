import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import type { ResettableStage, Source, StageBatch, StageResult } from '#libs/stream';
import { WindowStore } from './dedupe/window-store.js';
import { NormaliserEngine } from './normaliser.engine.js';
import { NormaliserService } from './normaliser.service.js';

/** raw -> readings, dead-letters. */
@Controller()
export class NormaliserStage implements ResettableStage {
  constructor(
    @Inject(NormaliserService) private readonly service: NormaliserService,
    @Inject(WindowStore) private readonly windows: WindowStore,
    @Inject(NormaliserEngine) engine: NormaliserEngine,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'normaliser codecs',
      // Below the stages, so that it is stopped after the last batch.
      order: startOrder.directories,
      start: () => Promise.resolve(),
      stop: () => engine.codecs.stop(),
    });
  }

  @EventPattern('raw/normaliser')
  handle(@Payload() batch: StageBatch): Promise<StageResult> {
    return this.service.work(batch);
  }

  /** Called before a batch is handed over again: what memory learnt from it was not kept. */
  reset(source: Source): void {
    this.windows.reset(source);
  }
}
