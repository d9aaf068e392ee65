import { Global, Module } from '@nestjs/common';
import { DevicesModule, GOLDEN_FRAME_CHECK } from '#libs/devices';
import { configProvider } from '#libs/runtime';
import { WindowStore } from './dedupe/window-store.js';
import { DryRunController } from './dry-run/dry-run.controller.js';
import { DryRunService } from './dry-run/dry-run.service.js';
import { goldenFrameCheck } from './dry-run/golden-frames.js';
import { ProductVersionRepository } from './dry-run/product-version.repository.js';
import { codecConfig, normaliserConfig } from './normaliser.config.js';
import { NormaliserEngine } from './normaliser.engine.js';
import { NormaliserMetrics } from './normaliser.metrics.js';
import { NormaliserService } from './normaliser.service.js';
import { NormaliserStage } from './normaliser.stage.js';

/** The stage raw -> readings. */
@Module({
  imports: [DevicesModule],
  controllers: [NormaliserStage],
  providers: [
    configProvider(normaliserConfig),
    configProvider(codecConfig),
    NormaliserEngine,
    NormaliserMetrics,
    NormaliserService,
    WindowStore,
  ],
})
export class NormaliserStageModule {}

/** The REST API for trying frames on a product. Global, because it binds the check that publishing a product asks for. */
@Global()
@Module({
  controllers: [DryRunController],
  providers: [
    configProvider(normaliserConfig),
    configProvider(codecConfig),
    NormaliserEngine,
    DryRunService,
    ProductVersionRepository,
    { provide: GOLDEN_FRAME_CHECK, useFactory: goldenFrameCheck, inject: [NormaliserEngine] },
  ],
  exports: [GOLDEN_FRAME_CHECK],
})
export class NormaliserApiModule {}
