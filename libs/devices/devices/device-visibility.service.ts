import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { type Principal, tenantScope } from '#libs/access';
import { DATABASE, type Database, deviceGrants } from '#libs/registry-db';
import { type DirectoryConfig, directoryConfig } from '../directory.config.js';
import { DirectoryHost } from '../directory-host.js';
import type { KnownDevice } from '../known-device.js';
import { ProductCatalogue } from '../product-catalogue.js';

/**
 * Which known devices a principal may see, answered from memory: those of its tenant and, for a vendor, those of its own
 * products whose tenant has granted it. A grant, and its end, count within the poll interval.
 */
@Injectable()
export class DeviceVisibility {
  /** `<vendor's tenant>/<devices' tenant>` to when it ends. */
  private grants = new Map<string, number>();

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(directoryConfig.KEY) config: DirectoryConfig,
    @Inject(DirectoryHost) private readonly host: DirectoryHost,
  ) {
    const refresh = () => this.refresh();
    host.host('device-grants', config.pollMs, { load: refresh, refresh });
  }

  /** False reads as "there is no such device". */
  sees(principal: Principal, device: KnownDevice): boolean {
    const scope = tenantScope(principal);
    if (scope === undefined || scope === device.tenantKey) return true;
    if (this.catalogue.current(device.productKey)?.ownerTenantKey !== scope) return false;
    return (this.grants.get(`${scope}/${device.tenantKey}`) ?? 0) > this.host.clock.now();
  }

  private async refresh(): Promise<void> {
    const rows = await this.database
      .select({
        vendor: deviceGrants.vendorTenantKey,
        tenant: deviceGrants.deviceTenantKey,
        until: sql<number>`(extract(epoch from max(${deviceGrants.expiresAt})) * 1000)::float8`,
      })
      .from(deviceGrants)
      .groupBy(deviceGrants.vendorTenantKey, deviceGrants.deviceTenantKey);
    this.grants = new Map(rows.map(({ vendor, tenant, until }) => [`${vendor}/${tenant}`, until]));
  }
}
