import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import type { Page } from '#libs/runtime';
import { FramesService } from './frames.service.js';
import { FramePage, FramesQuery, FrameView } from './readings.dto.js';

/** The raw ledger: what a device sent, byte for byte, and what became of it. */
@ApiTags('readings')
@Controller('api/v1/devices/:id/frames')
export class FramesController {
  constructor(@Inject(FramesService) private readonly service: FramesService) {}

  @Get()
  @Requires('frames:read')
  @ApiOperation({ summary: 'Frames of a device, newest first' })
  @ApiOkResponse({ type: FramePage })
  page(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: FramesQuery,
  ): Promise<Page<FrameView>> {
    return this.service.page(principal, id, query);
  }

  @Get(':messageId')
  @Requires('frames:read')
  @ApiOperation({ summary: 'One frame' })
  @ApiOkResponse({ type: FrameView })
  one(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('messageId') messageId: string,
  ): Promise<FrameView> {
    return this.service.one(principal, id, messageId);
  }
}
