import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Principal, tenantScope } from '#libs/access';
import { deviceGrants, devices, products } from '#libs/registry-db';

/**
 * Which devices a principal may see: those of its tenant and, for a vendor, those of its own products whose tenant has
 * granted it. For queries over `devices` joined with `products`.
 */
export function visibleDevices(principal: Principal): SQL | undefined {
  const scope = tenantScope(principal);
  if (scope === undefined) return undefined;
  return sql`(${devices.tenantKey} = ${scope} or (${products.ownerTenantKey} = ${scope} and exists (
    select 1 from ${deviceGrants} where ${deviceGrants.deviceTenantKey} = ${devices.tenantKey}
    and ${deviceGrants.vendorTenantKey} = ${scope} and ${deviceGrants.expiresAt} > now())))`;
}

/** Which devices a principal may change: those of its tenant. */
export function ownDevices(principal: Principal): SQL | undefined {
  const scope = tenantScope(principal);
  return scope === undefined ? undefined : and(eq(devices.tenantKey, scope));
}
