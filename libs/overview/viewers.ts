import { Inject } from '@nestjs/common';
import { Authenticator, type Principal, tenantScope } from '#libs/access';
import { type Sight, VisibleDevices } from '#libs/devices';
import type { FleetGroup } from './fleet/fleet-table.js';

/** Somebody who looks, with what they may see as of the moment they were admitted. */
export interface Viewer {
  principal: Principal;
  /** The same for all who see the same. */
  scope: string;
  tenantKey: string | undefined;
  sees: Sight;
  /** Alerts are shown to who may read alerts of the device's tenant. */
  seesAlerts(group: Pick<FleetGroup, 'tenantKey'>): boolean;
  /** Whether any alert is shown at all. */
  readsAlerts: boolean;
  readsDiscards: boolean;
  /** Runs the platform: is shown its inner figures. */
  runsPlatform: boolean;
}

/** Who may look, and for how long: a live stream lasts no longer than the token it came by, and sees what that sees now. */
export class Viewers {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
  ) {}

  async admit(principal: Principal): Promise<Viewer> {
    const tenantKey = tenantScope(principal);
    const readsAlerts = principal.permissions.has('alerts:read');
    const readsDiscards = principal.permissions.has('dead_letters:read');
    const runsPlatform = tenantKey === undefined && principal.permissions.has('system:read');
    return {
      principal,
      // What a tenant's people see differs by these rights alone: grants are the tenant's.
      scope: JSON.stringify([tenantKey ?? '*', readsAlerts, readsDiscards, runsPlatform]),
      tenantKey,
      sees: await this.devices.sight(principal),
      seesAlerts: (group) => readsAlerts && (tenantKey === undefined || tenantKey === group.tenantKey),
      readsAlerts,
      readsDiscards,
      runsPlatform,
    };
  }

  /** The viewer as of now; undefined where the token does not let them look any more. */
  async renew(viewer: Viewer, token: string | undefined): Promise<Viewer | undefined> {
    const { principal } = viewer;
    const now = token === undefined ? undefined : await this.authenticator.authenticate(token, principal.ip, false);
    if (!now?.permissions.has('devices:read') || tenantScope(now) !== viewer.tenantKey) return undefined;
    return await this.admit(now);
  }
}
