import { Body, Controller, Get, HttpCode, Inject, Put, Req } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { conflict, invalid, PlatformError } from '#libs/runtime';
import { Authenticated, CurrentPrincipal } from '../access.decorators.js';
import type { AuditedRequest } from '../audit/audited-request.js';
import type { Principal } from '../principal.js';
import { UsersService } from '../users/users.service.js';
import { MeView, PasswordChange } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

/** Whoever is asking, about themselves. */
@ApiTags('access')
@Controller('api/v1/me')
export class MeController {
  constructor(
    @Inject(SessionsService) private readonly sessions: SessionsService,
    @Inject(UsersService) private readonly users: UsersService,
  ) {}

  @Get()
  @Authenticated()
  @ApiOperation({ summary: 'Who am I, and what may I do' })
  @ApiOkResponse({ type: MeView })
  me(@CurrentPrincipal() principal: Principal): MeView {
    const { kind, key, name, tenantKey, allTenants, roles, permissions } = principal;
    return {
      kind,
      id: key,
      name,
      tenantId: tenantKey,
      allTenants,
      roles: [...roles],
      permissions: [...permissions].sort(),
    };
  }

  @Put('password')
  @Authenticated()
  @HttpCode(204)
  @ApiOperation({ summary: 'Change my password', description: 'Ends every other session of mine.' })
  @ApiNoContentResponse()
  async changePassword(@Body() body: PasswordChange, @Req() request: AuditedRequest): Promise<void> {
    const principal = request.principal;
    if (principal?.kind !== 'user') throw conflict('not_a_user', 'An API key has no password.');
    const user = await this.sessions
      .verify(principal.name, body.currentPassword, request.ip)
      .catch((error: unknown) => {
        // A wrong password here does not end the session, as a 401 would tell a client.
        if (error instanceof PlatformError && error.code === 'login_failed') {
          throw invalid('password_wrong', 'currentPassword: it is not your password.');
        }
        throw error;
      });
    await this.users.changeOwnPassword(user, body.newPassword, principal.sessionKey);
  }
}
