import { notFound, PlatformError } from '#libs/runtime';

/** 403 for figures that cover all tenants. */
export const platformOnly = (): PlatformError =>
  new PlatformError(403, 'all_tenants_required', 'These figures cover all tenants: ask as who sees every tenant.');

/**
 * 404 for a message that never was, is another's, or of which nothing is known any more: the three are not told apart. Says
 * what helps with the last.
 */
export const messageNotFound = (id: string): PlatformError => {
  const { status, code, detail } = notFound('message', id);
  return new PlatformError(
    status,
    code,
    `${detail} One older than the stream keeps is found with ?device=<its device>.`,
  );
};
