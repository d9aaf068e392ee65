import { PlatformError } from '#libs/runtime';

/** 403 for figures that cover all tenants. */
export const platformOnly = (): PlatformError =>
  new PlatformError(403, 'all_tenants_required', 'These figures cover all tenants: ask as who sees every tenant.');
