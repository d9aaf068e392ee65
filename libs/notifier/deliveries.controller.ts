import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import type { Page } from '#libs/runtime';
import {
  DeliveryPage,
  DeliveryQuery,
  DeliveryView,
  DeliveryWithAttempts,
  EventsPage,
  EventsQuery,
  ReplayRange,
  ReplayResult,
} from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';

/** The delivery log, replay, and what a consumer reconciles with. */
@ApiTags('webhooks')
@Controller('api/v1')
export class DeliveriesController {
  constructor(@Inject(DeliveriesService) private readonly deliveries: DeliveriesService) {}

  @Get('endpoints/:id/deliveries')
  @Requires('endpoints:read')
  @ApiOperation({ summary: 'List the deliveries of an endpoint, newest first' })
  @ApiOkResponse({ type: DeliveryPage })
  list(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: DeliveryQuery,
  ): Promise<Page<DeliveryView>> {
    return this.deliveries.list(principal, id, query);
  }

  @Post('endpoints/:id/replay')
  @HttpCode(202)
  @Requires('endpoints:write')
  @ApiOperation({ summary: 'Send again what was queued in a time range' })
  @ApiAcceptedResponse({ type: ReplayResult })
  replayRange(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: ReplayRange,
  ): Promise<ReplayResult> {
    return this.deliveries.replayRange(principal, id, body);
  }

  @Get('deliveries/:id')
  @Requires('endpoints:read')
  @ApiOperation({ summary: 'Read a delivery with its body and attempts' })
  @ApiOkResponse({ type: DeliveryWithAttempts })
  get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeliveryWithAttempts> {
    return this.deliveries.get(principal, id);
  }

  @Post('deliveries/:id/replay')
  @HttpCode(202)
  @Requires('endpoints:write')
  @ApiOperation({ summary: 'Send a delivery again, under its old id' })
  @ApiAcceptedResponse({ type: DeliveryView })
  replay(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeliveryView> {
    return this.deliveries.replay(principal, id);
  }

  @Get('events')
  @Requires('events:read')
  @ApiOperation({ summary: 'Reconcile: the events after a sequence, in order' })
  @ApiOkResponse({ type: EventsPage })
  events(@CurrentPrincipal() principal: Principal, @Query() query: EventsQuery): Promise<EventsPage> {
    return this.deliveries.events(principal, query);
  }
}
