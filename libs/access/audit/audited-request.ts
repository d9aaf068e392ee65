import type { FastifyRequest } from 'fastify';
import type { Clock } from '#libs/runtime';
import type { Principal } from '../principal.js';
import { type AuditEntry, outcomeOf } from './audit-record.js';

/** What the guard and controllers leave on a request. */
export interface AuditedRequest extends FastifyRequest {
  principal?: Principal & { sessionKey?: string };
  /** Who claims to be asking, where nobody is logged in yet: the login as typed. */
  claimedName?: string;
}

const longestText = 200;

/** The audit entry of a request that ended with `status`. */
export function auditEntryOf(
  request: AuditedRequest,
  result: { status: number; code: string | null; body?: unknown },
  clock: Clock,
): AuditEntry {
  const { principal } = request;
  return {
    at: new Date(clock.now()),
    principalKind: principal?.kind ?? 'anonymous',
    principalKey: principal?.key ?? null,
    principalName: clean(principal?.name ?? request.claimedName ?? 'anonymous'),
    tenantKey: principal?.tenantKey ?? null,
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    resourceId: resourceIdOf(request, result.body),
    outcome: outcomeOf(result.status),
    status: result.status,
    code: result.code,
    ip: request.ip,
    requestId: clean(String(request.id)),
  };
}

/** The ids in the path; for something just made, the id it was given. */
function resourceIdOf(request: AuditedRequest, body: unknown): string | null {
  const inPath = Object.values((request.params ?? {}) as Record<string, string>).join('/');
  if (inPath) return clean(inPath);
  const made = (body as { id?: unknown } | null | undefined)?.id;
  return typeof made === 'string' ? clean(made) : null;
}

/** Bounded, and without what PostgreSQL refuses in text: NUL, halves of surrogate pairs. */
function clean(text: string): string {
  return Buffer.from(text.replaceAll('\0', '').slice(0, longestText)).toString();
}
