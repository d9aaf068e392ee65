import { v7 } from 'uuid';
import type { Principal, Role } from '../principal.js';
import { permissionsOf } from '../role-permissions.js';

/** A principal for tests that call services directly: an operator of a tenant of its own unless told otherwise. */
export function createTestPrincipal(
  options: { roles?: readonly Role[]; tenantKey?: string; allTenants?: boolean; key?: string } = {},
): Principal {
  const roles = options.roles ?? ['operator'];
  const key = options.key ?? v7();
  return {
    kind: 'user',
    key,
    accountKey: key,
    name: 'test',
    tenantKey: options.tenantKey ?? v7(),
    allTenants: options.allTenants ?? false,
    roles,
    permissions: permissionsOf(roles),
    ip: '127.0.0.1',
  };
}
