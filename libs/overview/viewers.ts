import { Inject } from '@nestjs/common';
import { type Principal, tenantScope } from '#libs/access';
import { type Sight, VisibleDevices } from '#libs/devices';
import type { FleetGroup } from './fleet/fleet-table.js';

/** Somebody who looks, with what they may see as of the moment they were admitted. */
export interface Viewer {
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

/** Who may look, and at what. */
export class Viewers {
  constructor(@Inject(VisibleDevices) private readonly devices: VisibleDevices) {}

  async admit(principal: Principal): Promise<Viewer> {
    const tenantKey = tenantScope(principal);
    const readsAlerts = principal.permissions.has('alerts:read');
    const readsDiscards = principal.permissions.has('dead_letters:read');
    const runsPlatform = tenantKey === undefined && principal.permissions.has('system:read');
    return {
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
}
