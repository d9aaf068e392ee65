import { Body, Controller, Delete, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { conflict } from '#libs/runtime';
import { Authenticated, Public } from '../access.decorators.js';
import type { AuditedRequest } from '../audit/audited-request.js';
import { Authenticator } from '../authenticator.js';
import type { Principal } from '../principal.js';
import { userView } from '../users/user-view.js';
import { LoginRequest, SessionView } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

/** Log-in and log-out. */
@ApiTags('access')
@Controller('api/v1/sessions')
export class SessionsController {
  constructor(
    @Inject(SessionsService) private readonly sessions: SessionsService,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  @Post()
  @Public()
  @ApiOperation({ summary: 'Log in' })
  @ApiCreatedResponse({ type: SessionView })
  async login(@Body() body: LoginRequest, @Req() request: AuditedRequest): Promise<SessionView> {
    const login = body.login.trim().toLowerCase();
    request.claimedName = login;
    const { token, expiresAt, user } = await this.sessions.login(login, body.password, request.ip);
    request.principal = { kind: 'user', key: user.key, name: user.login, tenantKey: user.tenantKey } as Principal;
    return { token, expiresAt: expiresAt.toISOString(), user: userView(user) };
  }

  @Delete('current')
  @Authenticated()
  @HttpCode(204)
  @ApiOperation({ summary: 'Log out' })
  @ApiNoContentResponse()
  async logout(@Req() request: AuditedRequest): Promise<void> {
    const sessionKey = request.principal?.sessionKey;
    if (!sessionKey) throw conflict('not_a_session', 'An API key has no session. Revoke the key instead.');
    await this.sessions.logout(sessionKey);
    this.authenticator.forget();
  }
}
