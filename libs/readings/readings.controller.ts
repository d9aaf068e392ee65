import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import {
  LatestListView,
  LatestQuery,
  LatestView,
  ReadingPage,
  ReadingsQuery,
  SeriesQuery,
  SeriesView,
} from './readings.dto.js';
import { ReadingsService } from './readings.service.js';

/** Readings: latest, in a range, downsampled. */
@ApiTags('readings')
@Controller('api/v1')
export class ReadingsController {
  constructor(@Inject(ReadingsService) private readonly service: ReadingsService) {}

  @Get('readings/latest')
  @Requires('readings:read')
  @ApiOperation({ summary: 'The latest readings of several devices' })
  @ApiOkResponse({ type: LatestListView })
  async latestOfMany(@CurrentPrincipal() principal: Principal, @Query() query: LatestQuery): Promise<LatestListView> {
    return { items: await this.service.latest(principal, query.device) };
  }

  @Get('devices/:id/readings/latest')
  @Requires('readings:read')
  @ApiOperation({
    summary: 'The latest reading of every metric of a device',
    description: 'Latest by the time of observation, not of arrival.',
  })
  @ApiOkResponse({ type: LatestView })
  async latest(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<LatestView> {
    const [view] = await this.service.latest(principal, [id]);
    return view as LatestView;
  }

  @Get('devices/:id/readings')
  @Requires('readings:read')
  @ApiOperation({ summary: 'Readings of a device, in order of observation' })
  @ApiOkResponse({ type: ReadingPage })
  page(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: ReadingsQuery,
  ): Promise<ReadingPage> {
    return this.service.page(principal, id, query);
  }

  @Get('devices/:id/series')
  @Requires('readings:read')
  @ApiOperation({
    summary: 'A metric of a device in buckets',
    description:
      'Readings out of range or of the wrong type do not count. `increase` is the growth of a counter since the reading before: a fall below half of the value before counts as a new beginning at 0, a smaller fall counts as it is.',
  })
  @ApiOkResponse({ type: SeriesView })
  series(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: SeriesQuery,
  ): Promise<SeriesView> {
    return this.service.series(principal, id, query);
  }
}
