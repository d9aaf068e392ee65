import { eq } from 'drizzle-orm';
import { validate as isUuid } from 'uuid';
import { type Principal } from '#libs/access';
import { type Database, tenants } from '#libs/registry-db';
import { invalid } from '#libs/runtime';

/** The tenant that a new thing belongs to: the principal's own, unless who sees every tenant names another. */
export async function owningTenant(
  database: Database,
  principal: Principal,
  tenantId: string | undefined,
): Promise<string> {
  if (tenantId === undefined || tenantId === principal.tenantKey) return principal.tenantKey;
  if (!principal.allTenants) {
    throw invalid('tenant_forbidden', 'tenantId: only who sees every tenant may name another one. Leave it out.');
  }
  const [tenant] = await database.select({ key: tenants.key }).from(tenants).where(eq(tenants.key, tenantId));
  if (!tenant) throw invalid('tenant_unknown', `tenantId: no tenant has the id "${tenantId}".`);
  return tenant.key;
}

/** A key out of a cursor. Throws 400 `cursor_invalid`. */
export function cursorKey(part: string | number): string {
  if (typeof part === 'string' && isUuid(part)) return part;
  throw invalid('cursor_invalid', 'cursor: not one this list gave; pass nextCursor of the page before, unchanged.');
}

/** Text to be found as it is by LIKE. */
export function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}
