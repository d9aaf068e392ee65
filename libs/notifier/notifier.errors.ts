import { conflict, invalid, notFound, PlatformError } from '#libs/runtime';
import type { UrlProblem } from './webhook/target-url.js';

/** 404 for an endpoint that is not there, or not theirs. */
export const endpointNotFound = (id: string): PlatformError => notFound('endpoint', id);

/** 404 for a delivery that is not there, or not theirs. */
export const deliveryNotFound = (id: string): PlatformError => notFound('delivery', id);

/** 404 for an allow-list entry that is not there. */
export const webhookTargetNotFound = (id: string): PlatformError => notFound('webhook_target', id);

/** 404 for a tenant that is not there, or not theirs. */
export const tenantNotFound = (id: string): PlatformError => notFound('tenant', id);

/** 403 for a tenant's own administrators, who do not open private networks. */
export const targetsPlatformOnly = (): PlatformError =>
  new PlatformError(
    403,
    'platform_only',
    'Private targets are allowed and withdrawn by system administrators of every tenant.',
  );

/** 409 for sending again what has not ended yet. */
export const deliveryPending = (id: string): PlatformError =>
  conflict('delivery_pending', `The delivery "${id}" has not ended: it is still being tried.`);

/** 409 for more endpoints than a tenant may have. */
export const tooManyEndpoints = (limit: number): PlatformError =>
  conflict('too_many_endpoints', `A tenant may have ${limit} endpoints. Delete one first.`);

/** 409 for an allow-list entry that the tenant has already. */
export const webhookTargetExists = (cidr: string, port: number): PlatformError =>
  conflict('webhook_target_exists', `${cidr} port ${port} is allowed already.`);

/** 400 for a network that cannot be allowed. */
export const networkNotAllowable = (cidr: string): PlatformError =>
  invalid(
    'network_not_allowable',
    `cidr: "${cidr}" is not a network, or one that webhooks never reach (link-local, loopback, multicast, reserved).`,
  );

const urlProblems: Record<UrlProblem, string> = {
  url_malformed: 'it is not a URL, or is longer than 2,048 characters',
  url_scheme: 'use https (http only to targets that a system administrator of every tenant has allowed)',
  url_credentials: 'leave user name and password out; requests are signed',
  address_forbidden: 'it leads to an address that webhooks never reach (loopback, link-local, multicast, reserved)',
  address_not_allowed:
    'it leads to a private address; a system administrator of every tenant must allow its network and port first',
  https_required: 'use https; http is only for targets that a system administrator of every tenant has allowed',
  name_not_found: 'its name has no address',
};

/** 400 for a URL that webhooks may not go to; `reason` tells why. */
export const urlRefused = (reason: UrlProblem): PlatformError =>
  invalid('url_refused', `url: ${urlProblems[reason]}.`, { reason });
