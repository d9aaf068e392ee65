import { Inject } from '@nestjs/common';
import { and, eq, gt } from 'drizzle-orm';
import { type Principal, tenantScope } from '#libs/access';
import { DATABASE, type Database, deviceGrants } from '#libs/registry-db';
import { CLOCK, type Clock, notFound } from '#libs/runtime';
import { DeviceDirectory } from './device-directory.js';
import type { KnownDevice } from './known-device.js';
import { ProductCatalogue } from './product-catalogue.js';

/** What tells whether a device may be seen. */
export type SeenThing = Pick<KnownDevice, 'tenantKey' | 'productKey'>;

/** What a principal sees, as of the moment it was asked. */
export type Sight = (device: SeenThing) => boolean;

/**
 * The devices that a principal may see messages and readings of: those of its tenant and, for a vendor, those of its own products whose
 * tenant has granted it.
 */
export class VisibleDevices {
  constructor(
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The device of that id. Throws 404 where there is none, or it is not theirs to see. */
  async byId(principal: Principal, id: string): Promise<KnownDevice> {
    const device = await this.directory.findById(id);
    if (!device || !(await this.sees(principal, device))) throw notFound('device', id);
    return device;
  }

  /** For many devices: asks the registry once, and only for who owns products. */
  async sight(principal: Principal): Promise<Sight> {
    const tenant = tenantScope(principal);
    if (tenant === undefined) return () => true;
    const vendor = [...this.catalogue.all()].some((product) => product.ownerTenantKey === tenant);
    const granted = vendor ? await this.grantedTo(tenant) : new Set<string>();
    return (device) =>
      device.tenantKey === tenant || (granted.has(device.tenantKey) && this.isVendorOf(tenant, device));
  }

  /** Whether it is theirs to see. */
  async sees(principal: Principal, device: KnownDevice): Promise<boolean> {
    const tenant = tenantScope(principal);
    if (tenant === undefined || tenant === device.tenantKey) return true;
    return this.isVendorOf(tenant, device) && (await this.grantedTo(tenant)).has(device.tenantKey);
  }

  private isVendorOf(tenant: string, device: SeenThing): boolean {
    return this.catalogue.current(device.productKey)?.ownerTenantKey === tenant;
  }

  /** The tenants whose devices a vendor may see. */
  private async grantedTo(vendor: string): Promise<Set<string>> {
    const now = new Date(this.clock.now());
    const rows = await this.database
      .select({ tenantKey: deviceGrants.deviceTenantKey })
      .from(deviceGrants)
      .where(and(eq(deviceGrants.vendorTenantKey, vendor), gt(deviceGrants.expiresAt, now)));
    return new Set(rows.map((row) => row.tenantKey));
  }
}
