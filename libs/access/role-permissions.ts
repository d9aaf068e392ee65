import type { Permission, Role } from './principal.js';

/**
 * What each role may do. Who runs the platform, who decides on accounts, and who watches both are different people
 * (MLPS 2.0 level 3, GB/T 22239-2019 8.1.4.1 and 8.1.5): no administrator reads the audit, the auditor changes nothing.
 */
const rolePermissions: Record<Role, readonly Permission[]> = {
  system_administrator: [
    'tenants:read',
    'tenants:write',
    'users:read',
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
    'endpoints:read',
    'endpoints:write',
    'events:read',
    'dead_letters:read',
    'dead_letters:replay',
    'system:read',
  ],
  security_administrator: ['tenants:read', 'users:read', 'users:write', 'keys:read', 'keys:write'],
  auditor: ['tenants:read', 'users:read', 'keys:read', 'audit:read'],
  operator: [
    'tenants:read',
    'keys:read',
    'keys:write',
    'products:read',
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
  ],
  vendor: [
    'keys:read',
    'keys:write',
    'products:read',
    'products:write',
    'devices:read',
    'readings:read',
    'frames:read',
  ],
  consumer: ['keys:read', 'keys:write', 'alerts:read', 'events:read', 'endpoints:read', 'endpoints:write'],
};

/** Every permission that the roles give together. */
export function permissionsOf(roles: readonly Role[]): ReadonlySet<Permission> {
  return new Set(roles.flatMap((role) => rolePermissions[role]));
}

/** Why the roles must not be held by one person; undefined where they may. */
export function roleConflict(roles: readonly Role[]): string | undefined {
  if (roles.includes('auditor') && roles.length > 1) {
    return 'An auditor holds no other role: nobody audits what they did themselves.';
  }
  return undefined;
}
