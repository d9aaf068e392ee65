import type { users } from '#libs/registry-db';
import type { UserView } from './users.dto.js';

/** An account as REST shows it. */
export function userView(user: typeof users.$inferSelect): UserView {
  return {
    id: user.key,
    tenantId: user.tenantKey,
    login: user.login,
    name: user.name,
    roles: user.roles,
    allTenants: user.allTenants,
    disabled: user.disabled,
    passwordInitial: user.passwordInitial,
    revision: user.revision,
    createdAt: user.createdAt.toISOString(),
  };
}
