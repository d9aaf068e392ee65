import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { MessageTraceView, TraceQuery } from './trace.dto.js';
import { TraceService } from './trace.service.js';
import { traceView } from './trace-views.js';

/** Where one message is. */
@ApiTags('messages')
@Controller('api/v1/messages')
export class TraceController {
  constructor(@Inject(TraceService) private readonly service: TraceService) {}

  @Get(':id/trace')
  @Requires('frames:read')
  @ApiOperation({
    summary: 'Where a message is, from its acknowledgement to the webhook',
    description:
      'The id is the `messageId` that readings, frames, dead letters and timelines of alerts carry. Alerts and webhooks are shown to who may read alerts, dead letters to who may read those.',
  })
  @ApiOkResponse({ type: MessageTraceView })
  async read(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: TraceQuery,
  ): Promise<MessageTraceView> {
    const { facts, device } = await this.service.trace(principal, id, query.device);
    return traceView(facts, device.id);
  }
}
