import { Controller, Get, Headers, Inject, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { AlertStreams } from './alert-streams.js';

/** Alerts as they happen. */
@ApiTags('alerts')
@Controller('api/v1/alerts/stream')
export class AlertFeedController {
  constructor(@Inject(AlertStreams) private readonly alertStreams: AlertStreams) {}

  @Get()
  @Requires('alerts:read')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Resume after this event.' })
  @ApiOperation({
    summary: 'Watch alerts live (Server-Sent Events)',
    description: 'Each event is a CloudEvents notification; its `id` is the sequence to resume after.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ schema: { type: 'string' } })
  async watch(
    @CurrentPrincipal() principal: Principal,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.alertStreams.open(principal, lastEventId, request, reply);
  }
}
