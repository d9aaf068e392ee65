import { Body, Controller, Get, HttpCode, Inject, Param, ParseUUIDPipe, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { decodeCursor, IfMatch, type Page, PageQuery, toPage } from '#libs/runtime';
import { CurrentPrincipal, Requires } from '../access.decorators.js';
import type { Principal } from '../principal.js';
import { userView } from './user-view.js';
import { NewUser, NewUserView, PasswordReset, UserChange, UserPage, UserView } from './users.dto.js';
import { UsersService } from './users.service.js';

/** The security administrator's view of accounts. An account is disabled, never deleted: the audit refers to it. */
@ApiTags('access')
@Controller('api/v1/users')
export class UsersController {
  constructor(@Inject(UsersService) private readonly users: UsersService) {}

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'List accounts' })
  @ApiOkResponse({ type: UserPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<UserView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.users.list(principal, after === undefined ? undefined : String(after), query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], userView);
  }

  @Post()
  @Requires('users:write')
  @ApiOperation({ summary: 'Make an account', description: 'Its generated password is shown once.' })
  @ApiCreatedResponse({ type: NewUserView })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewUser): Promise<NewUserView> {
    const { user, password } = await this.users.create(principal, body);
    return { ...userView(user), password };
  }

  @Get(':id')
  @Requires('users:read')
  @ApiOperation({ summary: 'Read an account' })
  @ApiOkResponse({ type: UserView })
  async get(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<UserView> {
    return userView(await this.users.get(principal, id));
  }

  @Patch(':id')
  @Requires('users:write')
  @ApiOperation({ summary: 'Change name, roles or reach, or disable', description: 'Accepts If-Match.' })
  @ApiOkResponse({ type: UserView })
  async change(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: UserChange,
    @IfMatch() expected: number | undefined,
  ): Promise<UserView> {
    return userView(await this.users.change(principal, id, body, expected));
  }

  @Post(':id/password')
  @Requires('users:write')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Reset the password',
    description: 'The new one is generated and shown once; sessions end.',
  })
  @ApiOkResponse({ type: PasswordReset })
  async resetPassword(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
  ): Promise<PasswordReset> {
    return { password: await this.users.resetPassword(principal, id) };
  }
}
