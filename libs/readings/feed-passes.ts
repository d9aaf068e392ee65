import { Inject } from '@nestjs/common';
import { Authenticator, type Principal, tenantScope } from '#libs/access';
import { type Sight, VisibleDevices } from '#libs/devices';

/** Who may watch live, and for how long: a stream lasts no longer than the token it came by, and sees what that sees now. */
export class FeedPasses {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
  ) {}

  /** What the principal sees. */
  admit(principal: Principal): Promise<Sight> {
    return this.devices.sight(principal);
  }

  /** What the token's principal sees by now; undefined where it may not watch any more. */
  async renew(principal: Principal, token: string | undefined): Promise<Sight | undefined> {
    const now = token === undefined ? undefined : await this.authenticator.authenticate(token, principal.ip, false);
    if (!now?.permissions.has('readings:read') || tenantScope(now) !== tenantScope(principal)) return undefined;
    return this.devices.sight(now);
  }
}
