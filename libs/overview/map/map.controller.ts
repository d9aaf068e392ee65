import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Controller, Get, Headers, Inject, Query, Req, Res } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { LiveStreams } from '../live-streams.js';
import { Viewers } from '../viewers.js';
import { MapChanges, MapQuery, MapView } from './map.dto.js';
import { MapService } from './map.service.js';
import { lastEventRevision, matchedRevisions } from './map-revision.js';

/** Where devices are and how they are doing, all at once. */
@ApiTags('map')
@ApiExtraModels(MapChanges)
@Controller('api/v1/map')
export class MapController {
  constructor(
    @Inject(MapService) private readonly map: MapService,
    @Inject(Viewers) private readonly viewers: Viewers,
    @Inject(LiveStreams) private readonly streams: LiveStreams,
  ) {}

  @Get('devices')
  @Requires('devices:read')
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'The ETag of an answer before.' })
  @ApiOperation({
    summary: 'Every device that has a position, in columns',
    description:
      'A few seconds old at most; go on with the stream, from its `revision`. Compressed where the caller takes gzip. Answered from memory. Retired devices are left out.',
  })
  @ApiOkResponse({ type: MapView })
  @ApiResponse({ status: 304, description: 'Nothing has changed since the answer of that ETag.' })
  async devices(
    @CurrentPrincipal() principal: Principal,
    @Query() query: MapQuery,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Headers('accept-encoding') acceptEncoding: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const viewer = await this.viewers.admit(principal);
    const picture = await this.map.picture(viewer, query, matchedRevisions(ifNoneMatch));
    reply.header('vary', 'accept-encoding, authorization');
    if (!picture) {
      await reply.status(304).send();
      return;
    }
    reply.header('etag', `W/"${picture.revision}"`).type('application/json; charset=utf-8');
    if (/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(acceptEncoding ?? '')) {
      await reply.header('content-encoding', 'gzip').send(picture.gzip);
    } else {
      await reply.send(Readable.from([picture.gzip]).pipe(createGunzip()));
    }
  }

  @Get('stream')
  @Requires('devices:read')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Resume after this event, or a `revision`.' })
  @ApiOperation({
    summary: 'Watch devices change (Server-Sent Events)',
    description:
      'Events `changes` (`MapChanges`): what has become of devices, each once a tick however often it changed. `reset` says that too much has happened: fetch the map again.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ schema: { type: 'string' } })
  async watch(
    @CurrentPrincipal() principal: Principal,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const from = lastEventRevision(lastEventId);
    await this.streams.begin(principal, request, reply, () => this.map.turnsFrom(from));
  }
}
