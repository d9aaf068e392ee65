import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { type KnownDevice, ProductCatalogue, VisibleDevices } from '#libs/devices';
import { ReadingStreams } from './reading-streams.js';
import { ReadingFeedQuery } from './readings.dto.js';

/** Readings as they come. */
@ApiTags('readings')
@Controller('api/v1/readings/stream')
export class ReadingFeedController {
  constructor(
    @Inject(ReadingStreams) private readonly readingStreams: ReadingStreams,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
  ) {}

  @Get()
  @Requires('readings:read')
  @ApiOperation({
    summary: 'Watch readings live (Server-Sent Events)',
    description:
      'One event `readings` per message: `{deviceId, readings}`. A reader that is too slow is told by an event `skipped` how many it missed.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ schema: { type: 'string' } })
  async watch(
    @CurrentPrincipal() principal: Principal,
    @Query() query: ReadingFeedQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = query.device && (await Promise.all(query.device.map((id) => this.devices.byId(principal, id))));
    const chosen = asked && new Set(asked.map((device) => device.key));
    const products = query.product && new Set(query.product);
    const wants = (device: KnownDevice): boolean =>
      (!chosen || chosen.has(device.key)) &&
      (!products || products.has(this.catalogue.current(device.productKey)?.productId ?? ''));
    await this.readingStreams.open(principal, wants, request, reply);
  }
}
