import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { IfMatch, type Page } from '#libs/runtime';
import {
  AlertPage,
  AlertQuery,
  type AlertView,
  AlertWithTimeline,
  AssignAlert,
  AssigneeList,
  ClearAlert,
  CommentAlert,
} from './alerts.dto.js';
import { AlertsService } from './alerts.service.js';

const ifMatch = { name: 'If-Match', required: false, description: 'Act only on this revision (ETag).' };

/** Alerts: read them, take them, close them. */
@ApiTags('alerts')
@Controller('api/v1/alerts')
export class AlertsController {
  constructor(@Inject(AlertsService) private readonly alerts: AlertsService) {}

  @Get()
  @Requires('alerts:read')
  @ApiOperation({ summary: 'List alerts, newest first' })
  @ApiOkResponse({ type: AlertPage })
  list(@CurrentPrincipal() principal: Principal, @Query() query: AlertQuery): Promise<Page<AlertView>> {
    return this.alerts.list(principal, query);
  }

  @Get(':id')
  @Requires('alerts:read')
  @ApiOperation({ summary: 'Read an alert with its timeline' })
  @ApiOkResponse({ type: AlertWithTimeline })
  get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<AlertWithTimeline> {
    return this.alerts.get(principal, id);
  }

  @Get(':id/assignees')
  @Requires('alerts:handle')
  @ApiOperation({ summary: 'List who an alert can be given to: the users of its tenant that are not disabled' })
  @ApiOkResponse({ type: AssigneeList })
  assignees(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<AssigneeList> {
    return this.alerts.assignees(principal, id);
  }

  @Post(':id/acknowledge')
  @HttpCode(200)
  @Requires('alerts:handle')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Acknowledge an alert; doing it again changes nothing' })
  @ApiOkResponse({ type: AlertWithTimeline })
  acknowledge(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<AlertWithTimeline> {
    return this.alerts.acknowledge(principal, id, expected);
  }

  @Post(':id/clear')
  @HttpCode(200)
  @Requires('alerts:handle')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Clear an alert; if the rule raises it again, a new one opens' })
  @ApiOkResponse({ type: AlertWithTimeline })
  clear(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
    @Body() body: ClearAlert,
  ): Promise<AlertWithTimeline> {
    return this.alerts.clear(principal, id, expected, body.reason);
  }

  @Post(':id/comments')
  @HttpCode(200)
  @Requires('alerts:handle')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Add a comment, also to an alert that is over' })
  @ApiOkResponse({ type: AlertWithTimeline })
  comment(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
    @Body() body: CommentAlert,
  ): Promise<AlertWithTimeline> {
    return this.alerts.comment(principal, id, expected, body.text);
  }

  @Post(':id/assign')
  @HttpCode(200)
  @Requires('alerts:handle')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Say who sees to an alert' })
  @ApiOkResponse({ type: AlertWithTimeline })
  assign(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
    @Body() body: AssignAlert,
  ): Promise<AlertWithTimeline> {
    return this.alerts.assign(principal, id, expected, body.user);
  }
}
