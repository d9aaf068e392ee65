import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { IfMatch, type Page } from '#libs/runtime';
import { NewRule, RuleChange, RulePage, RuleQuery, RuleView } from './rules.dto.js';
import { RulesService } from './rules.service.js';

const ifMatch = { name: 'If-Match', required: false, description: 'Act only on this revision (ETag).' };

/** Rules: what is judged, for which devices, and how bad it is. */
@ApiTags('rules')
@Controller('api/v1/rules')
export class RulesController {
  constructor(@Inject(RulesService) private readonly rules: RulesService) {}

  @Get()
  @Requires('rules:read')
  @ApiOperation({ summary: 'List the built-in rules and your own' })
  @ApiOkResponse({ type: RulePage })
  list(@CurrentPrincipal() principal: Principal, @Query() query: RuleQuery): Promise<Page<RuleView>> {
    return this.rules.list(principal, query);
  }

  @Post()
  @Requires('rules:write')
  @ApiOperation({
    summary: 'Make a rule',
    description:
      'With `overrides`, it replaces a built-in rule for the tenant; what is not given is taken from that one.',
  })
  @ApiCreatedResponse({ type: RuleView })
  create(@CurrentPrincipal() principal: Principal, @Body() body: NewRule): Promise<RuleView> {
    return this.rules.create(principal, body);
  }

  @Get(':id')
  @Requires('rules:read')
  @ApiOperation({ summary: 'Read a rule' })
  @ApiOkResponse({ type: RuleView })
  get(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<RuleView> {
    return this.rules.get(principal, id);
  }

  @Patch(':id')
  @Requires('rules:write')
  @ApiHeader(ifMatch)
  @ApiOperation({
    summary: 'Change a rule',
    description: 'What it has raised stays raised until its new definition clears it.',
  })
  @ApiOkResponse({ type: RuleView })
  change(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @IfMatch() expected: number | undefined,
    @Body() body: RuleChange,
  ): Promise<RuleView> {
    return this.rules.change(principal, id, expected, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('rules:write')
  @ApiHeader(ifMatch)
  @ApiOperation({ summary: 'Delete a rule; what it has raised is cleared' })
  @ApiNoContentResponse()
  remove(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<void> {
    return this.rules.remove(principal, id, expected);
  }
}
