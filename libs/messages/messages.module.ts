import { Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { DevicesModule } from '#libs/devices';
import { ReconciliationController } from './reconciliation/reconciliation.controller.js';
import { ReconciliationService } from './reconciliation/reconciliation.service.js';

/** Where messages are: all of them together, and each by itself. */
@Module({
  imports: [AccessApiModule, DevicesModule],
  controllers: [ReconciliationController],
  providers: [ReconciliationService],
})
export class MessagesApiModule {}
