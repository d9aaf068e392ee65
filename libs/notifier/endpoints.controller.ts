import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { IfMatch, type Page, PageQuery } from '#libs/runtime';
import { DeliveryWithAttempts } from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';
import {
  CreateEndpoint,
  EndpointPage,
  EndpointView,
  EndpointWithEvents,
  EndpointWithSecret,
  UpdateEndpoint,
} from './endpoints.dto.js';
import { EndpointsService } from './endpoints.service.js';

const ifMatch = { name: 'If-Match', required: false, description: 'Act only on this revision (ETag).' };

/** Webhook endpoints: where alerts are sent. */
@ApiTags('webhooks')
@Controller('api/v1/endpoints')
export class EndpointsController {
  constructor(
    @Inject(EndpointsService) private readonly endpoints: EndpointsService,
    @Inject(DeliveriesService) private readonly deliveries: DeliveriesService,
  ) {}

  @Get()
  @Requires('endpoints:read')
  @ApiOperation({ summary: 'List webhook endpoints with how they are doing' })
  @ApiOkResponse({ type: EndpointPage })
  list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<EndpointView>> {
    return this.endpoints.list(principal, query);
  }

  @Post()
  @Requires('endpoints:write')
  @ApiOperation({ summary: 'Create a webhook endpoint; its secret is shown this once' })
  @ApiCreatedResponse({ type: EndpointWithSecret })
  create(@CurrentPrincipal() principal: Principal, @Body() body: CreateEndpoint): Promise<EndpointWithSecret> {
    return this.endpoints.create(principal, body);
  }

  @Get(':id')
  @Requires('endpoints:read')
  @ApiOperation({ summary: 'Read an endpoint with its latest operational events' })
  @ApiOkResponse({ type: EndpointWithEvents })
  get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<EndpointWithEvents> {
    return this.endpoints.get(principal, id);
  }

  @Patch(':id')
  @Requires('endpoints:write')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Change an endpoint, or switch it on or off' })
  @ApiOkResponse({ type: EndpointView })
  update(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
    @Body() body: UpdateEndpoint,
  ): Promise<EndpointView> {
    return this.endpoints.update(principal, id, expected, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('endpoints:write')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Delete an endpoint with its deliveries' })
  @ApiNoContentResponse()
  remove(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<void> {
    return this.endpoints.remove(principal, id, expected);
  }

  @Post(':id/secret')
  @Requires('endpoints:write')
  @ApiOperation({ summary: 'Rotate the secret; the old one signs beside the new one for 24 h' })
  @ApiCreatedResponse({ type: EndpointWithSecret })
  rotate(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<EndpointWithSecret> {
    return this.endpoints.rotate(principal, id);
  }

  @Post(':id/test')
  @HttpCode(202)
  @Requires('endpoints:write')
  @ApiOperation({ summary: 'Send a test event; read the delivery for what came of it' })
  @ApiAcceptedResponse({ type: DeliveryWithAttempts })
  async test(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeliveryWithAttempts> {
    return await this.deliveries.get(principal, await this.endpoints.test(principal, id));
  }
}
