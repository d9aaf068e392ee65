import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { CLOCK, type Clock, PlatformError } from '#libs/runtime';
import { PUBLIC_ROUTE, REQUIRED_PERMISSION } from './access.decorators.js';
import { AuditLog } from './audit/audit-log.js';
import { type AuditedRequest, auditEntryOf } from './audit/audited-request.js';
import { Authenticator, bearerToken, tokenCacheMs } from './authenticator.js';
import type { Permission } from './principal.js';

/** Stands before every route: resolves who asks and whether they may. Writes an audit record for every denial. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC_ROUTE, targets)) return true;
    const request = context.switchToHttp().getRequest<AuditedRequest>();
    const token = bearerToken(request.headers.authorization);
    const principal = token && (await this.authenticator.authenticate(token, request.ip));
    if (!principal) throw await this.denied(request, unauthenticated(token !== undefined));
    request.principal = principal;
    const required = this.reflector.getAllAndOverride<Permission | 'authenticated' | undefined>(
      REQUIRED_PERMISSION,
      targets,
    );
    if (required !== 'authenticated' && !(required && principal.permissions.has(required))) {
      throw await this.denied(request, forbidden(required));
    }
    if (request.headers.accept?.includes('text/event-stream')) {
      this.watch(token, request, context.switchToHttp().getResponse<FastifyReply>());
    }
    return true;
  }

  private async denied(request: AuditedRequest, problem: PlatformError): Promise<PlatformError> {
    await this.audit.append(auditEntryOf(request, { status: problem.status, code: problem.code }, this.clock));
    return problem;
  }

  /** A live stream outlasts the check at its start: it ends when its token does. */
  private watch(token: string, request: AuditedRequest, { raw }: FastifyReply): void {
    // Gone while the token was looked up: its end has been told, and would never be heard here.
    if (raw.destroyed) return;
    let cancel = () => {};
    let closed = false;
    const check = async () => {
      const holds = await this.authenticator.authenticate(token, request.ip, false).catch(() => undefined);
      if (!holds) raw.destroy();
      else if (!closed) cancel = this.clock.after(tokenCacheMs, check);
    };
    cancel = this.clock.after(tokenCacheMs, check);
    raw.once('close', () => {
      closed = true;
      cancel();
    });
  }
}

function unauthenticated(tokenGiven: boolean): PlatformError {
  const detail = tokenGiven
    ? 'The token is not valid, or no longer. Log in again, or use an API key that has not been revoked.'
    : 'Send "Authorization: Bearer <token>", with a session token (POST /api/v1/sessions) or an API key.';
  return new PlatformError(401, 'unauthenticated', detail, {}, { 'www-authenticate': 'Bearer' });
}

function forbidden(required: Permission | undefined): PlatformError {
  return new PlatformError(403, 'forbidden', `This needs the permission "${required}". Ask a security administrator.`);
}
