import { Module } from '@nestjs/common';
import { AccessApiModule } from '#libs/access';
import { DevicesModule } from '#libs/devices';
import { ReconciliationController } from './reconciliation/reconciliation.controller.js';
import { ReconciliationService } from './reconciliation/reconciliation.service.js';
import { AlertTrail } from './trace/alert-trail.js';
import { MessageSearch } from './trace/message-search.js';
import { StoreTrail } from './trace/store-trail.js';
import { TraceController } from './trace/trace.controller.js';
import { TraceRepository } from './trace/trace.repository.js';
import { TraceService } from './trace/trace.service.js';
import { WhoseMessage } from './trace/whose-message.js';

/** Where messages are: all of them together, and each by itself. */
@Module({
  imports: [AccessApiModule, DevicesModule],
  controllers: [ReconciliationController, TraceController],
  providers: [
    ReconciliationService,
    MessageSearch,
    StoreTrail,
    AlertTrail,
    TraceRepository,
    WhoseMessage,
    TraceService,
  ],
})
export class MessagesApiModule {}
