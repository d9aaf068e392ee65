import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { canonicalDeviceId } from '#libs/contracts';
import { decodeCursor, type Page, toPage } from '#libs/runtime';
import { cursorKey } from '../tenancy.js';
import { CommandPage, CommandQuery, CommandStep, CommandView, NewCommand } from './commands.dto.js';
import type { CommandRow, CommandState } from './commands.repository.js';
import { CommandsService } from './commands.service.js';

/** What devices are told to do. */
@ApiTags('devices')
@Controller('api/v1/devices/:id/commands')
export class CommandsController {
  constructor(@Inject(CommandsService) private readonly service: CommandsService) {}

  @Post()
  @Requires('commands:send')
  @ApiOperation({
    summary: 'Send a command to a device',
    description:
      'At least once, at the latest when the device connects before the command expires. The device gets `{id, command, parameters, expiresAt}` on `devices/{id}/commands/{commandId}`, and answers on `.../reply`.',
  })
  @ApiCreatedResponse({ type: CommandView })
  async send(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: NewCommand,
  ): Promise<CommandView> {
    return viewOf(await this.service.send(principal, id, body), id);
  }

  @Get()
  @Requires('devices:read')
  @ApiOperation({ summary: 'List the commands of a device, the newest first' })
  @ApiOkResponse({ type: CommandPage })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: CommandQuery,
  ): Promise<Page<CommandView>> {
    const [before] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.service.list(principal, id, query, before === undefined ? undefined : cursorKey(before));
    return toPage(
      rows,
      query.limit,
      (row) => [row.key],
      (row) => viewOf(row, id),
    );
  }

  @Get(':command')
  @Requires('devices:read')
  @ApiOperation({ summary: 'Read a command with what became of it' })
  @ApiOkResponse({ type: CommandView })
  async get(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('command') command: string,
  ): Promise<CommandView> {
    return viewOf(await this.service.find(principal, id, command), id);
  }

  @Delete(':command')
  @HttpCode(204)
  @Requires('commands:send')
  @ApiOperation({ summary: 'Call a command back that has not reached the device' })
  @ApiNoContentResponse()
  cancel(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('command') command: string,
  ): Promise<void> {
    return this.service.cancel(principal, id, command);
  }
}

function viewOf(row: CommandRow, deviceId: string): CommandView {
  return {
    id: row.key,
    deviceId: canonicalDeviceId(deviceId),
    command: row.command,
    parameters: row.parameters,
    state: row.state,
    timeline: timelineOf(row),
    reply: row.reply ?? null,
    replyMessageId: row.replyMessageId,
    issuedBy: row.issuedBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
  };
}

function timelineOf(row: CommandRow): CommandStep[] {
  const steps: [CommandState, Date | null][] = [
    ['queued', row.createdAt],
    ['sent', row.sentAt],
    ['acknowledged', row.acknowledgedAt],
    [row.state === 'failed' ? 'failed' : 'replied', row.repliedAt],
    // What a device did after all outweighs that it was given up; when that was is still told.
    [row.state === 'cancelled' ? 'cancelled' : 'expired', row.endedAt],
  ];
  return steps
    .flatMap(([state, at]) => (at ? [{ state, at: at.toISOString() }] : []))
    .sort((a, b) => a.at.localeCompare(b.at));
}
