/** The roles of the platform. System, security and audit administration are apart (MLPS 2.0 level 3). */
export const roles = [
  'system_administrator',
  'security_administrator',
  'auditor',
  'operator',
  'vendor',
  'consumer',
] as const;
export type Role = (typeof roles)[number];

/** Every right a route may require. */
export const permissions = [
  'tenants:read',
  'tenants:write',
  'users:read',
  'users:write',
  'keys:read',
  'keys:write',
  'audit:read',
  'products:read',
  'products:write',
  'devices:read',
  'devices:write',
  'commands:send',
  'readings:read',
  'frames:read',
  'rules:read',
  'rules:write',
  'alerts:read',
  'alerts:handle',
  'endpoints:read',
  'endpoints:write',
  'events:read',
  'dead_letters:read',
  'dead_letters:replay',
  'system:read',
] as const;
export type Permission = (typeof permissions)[number];

/** Who is asking: resolved by the guard from a session token or an API key. */
export interface Principal {
  kind: 'user' | 'api_key';
  key: string;
  /** The person behind it: the user, or whoever made the API key. */
  accountKey: string;
  name: string;
  tenantKey: string;
  /** True for platform administrators: they see every tenant. Everybody else sees `tenantKey` alone. */
  allTenants: boolean;
  roles: readonly Role[];
  permissions: ReadonlySet<Permission>;
  ip: string;
}

/** The tenant a query must be limited to, or undefined for somebody who sees all of them. */
export function tenantScope(principal: Principal): string | undefined {
  return principal.allTenants ? undefined : principal.tenantKey;
}
