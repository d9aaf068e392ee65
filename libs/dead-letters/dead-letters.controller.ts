import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import type { Page } from '#libs/runtime';
import {
  DeadLetterDetail,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterView,
  DiscardList,
  ReplayDeadLetters,
  ReplayResult,
} from './dead-letters.dto.js';
import { DeadLettersService } from './dead-letters.service.js';

/** What was refused, why, and how to put it back. */
@ApiTags('dead letters')
@Controller('api/v1')
export class DeadLettersController {
  constructor(@Inject(DeadLettersService) private readonly deadLetters: DeadLettersService) {}

  @Get('dead-letters')
  @Requires('dead_letters:read')
  @ApiOperation({ summary: 'List what stages refused, newest first' })
  @ApiOkResponse({ type: DeadLetterPage })
  list(@CurrentPrincipal() principal: Principal, @Query() query: DeadLetterQuery): Promise<Page<DeadLetterView>> {
    return this.deadLetters.list(principal, query);
  }

  @Get('dead-letters/:id')
  @Requires('dead_letters:read')
  @ApiOperation({ summary: 'Read a dead letter with its original bytes' })
  @ApiOkResponse({ type: DeadLetterDetail })
  get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeadLetterDetail> {
    return this.deadLetters.get(principal, id);
  }

  @Post('dead-letters/replay')
  @HttpCode(200)
  @Requires('dead_letters:replay')
  @ApiOperation({ summary: 'Put all that fit back into the stage that refused them, oldest first' })
  @ApiOkResponse({ type: ReplayResult })
  replayAll(@CurrentPrincipal() principal: Principal, @Body() body: ReplayDeadLetters): Promise<ReplayResult> {
    return this.deadLetters.replayAll(principal, body);
  }

  @Post('dead-letters/:id/replay')
  @HttpCode(200)
  @Requires('dead_letters:replay')
  @ApiOperation({ summary: 'Put a dead letter back into the stage that refused it' })
  @ApiOkResponse({ type: DeadLetterView })
  replay(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeadLetterView> {
    return this.deadLetters.replay(principal, id);
  }

  @Get('discards')
  @Requires('dead_letters:read')
  @ApiOperation({ summary: 'Count what was refused, by stage and reason' })
  @ApiOkResponse({ type: DiscardList })
  discards(@CurrentPrincipal() principal: Principal): Promise<DiscardList> {
    return this.deadLetters.discards(principal);
  }
}
