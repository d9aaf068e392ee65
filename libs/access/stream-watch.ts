import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CLOCK, type Clock } from '#libs/runtime';
import { Authenticator, bearerToken } from './authenticator.js';
import { type Permission, type Principal, tenantScope } from './principal.js';

/** With the authenticator's own memory this ends a stream within 5 s of its token. */
const checkEveryMs = 2_500;

/** What an open stream is held to. */
export interface WatchedStream {
  request: FastifyRequest;
  raw: FastifyReply['raw'];
  /** Who opened it. */
  principal: Principal;
  /** Without this the stream ends. */
  permission: Permission;
  heartbeatMs: number;
  /** Told who the principal is by now at every check. A rejection ends the stream. */
  renewed?: (principal: Principal) => Promise<void> | void;
}

/** Holds open `text/event-stream` answers to the tokens they came by, and keeps those alive that are quiet. */
@Injectable()
export class StreamWatch {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Begins now; ends with the stream, or ends it. */
  over(stream: WatchedStream): void {
    const { raw } = stream;
    const token = bearerToken(stream.request.headers.authorization);
    let beatAt = this.clock.now();
    let over = raw.destroyed;
    let cancel = () => {};
    raw.once('close', () => {
      over = true;
      cancel();
    });
    const check = async () => {
      const goesOn = await this.renew(stream, token);
      if (over) return;
      if (!goesOn) {
        raw.end();
        return;
      }
      if (this.clock.now() - beatAt >= stream.heartbeatMs) {
        beatAt = this.clock.now();
        raw.write(': alive\n\n');
      }
      next();
    };
    // A registry that does not answer ends the stream too: nobody watches on a token that cannot be checked.
    const next = () => {
      cancel = this.clock.after(checkEveryMs, () => void check().catch(() => raw.end()));
    };
    if (!over) next();
  }

  private async renew({ principal, permission, renewed }: WatchedStream, token: string | undefined): Promise<boolean> {
    const now = token === undefined ? undefined : await this.authenticator.authenticate(token, principal.ip, false);
    if (!now?.permissions.has(permission) || tenantScope(now) !== tenantScope(principal)) return false;
    await renewed?.(now);
    return true;
  }
}
