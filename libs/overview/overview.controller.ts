import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { LiveStreams } from './live-streams.js';
import { OverviewView } from './overview.dto.js';
import { OverviewService } from './overview.service.js';
import { Viewers } from './viewers.js';

/** How everything stands. */
@ApiTags('overview')
@Controller('api/v1/overview')
export class OverviewController {
  constructor(
    @Inject(OverviewService) private readonly overview: OverviewService,
    @Inject(Viewers) private readonly viewers: Viewers,
    @Inject(LiveStreams) private readonly streams: LiveStreams,
  ) {}

  @Get()
  @Requires('devices:read')
  @ApiOperation({
    summary: 'How devices, alerts and messages stand',
    description: 'Of the devices that the caller may see. Answered from memory, however many there are.',
  })
  @ApiOkResponse({ type: OverviewView })
  async read(@CurrentPrincipal() principal: Principal): Promise<OverviewView> {
    return this.overview.view(await this.viewers.admit(principal));
  }

  @Get('stream')
  @Requires('devices:read')
  @ApiOperation({
    summary: 'Watch how everything stands (Server-Sent Events)',
    description:
      'Events `overview`: the whole overview, at once and then whenever something of it has changed, at most once a tick.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ schema: { type: 'string' } })
  async watch(
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Refused with a problem document while the devices are read, rather than with a stream that ends at once.
    this.overview.view(await this.viewers.admit(principal));
    await this.streams.begin(principal, request, reply, () => {
      let told = '';
      return (viewer) => {
        const view = this.overview.view(viewer);
        const { at: _at, ...content } = view;
        const text = JSON.stringify(content);
        if (text === told) return undefined;
        told = text;
        return `event: overview\ndata: ${JSON.stringify(view)}\n\n`;
      };
    });
  }
}
