import { createHash } from 'node:crypto';

/** How a request ended: done, refused (its content cannot be used), denied (no right to it), failed (our fault). */
export const auditOutcomes = ['accepted', 'refused', 'denied', 'failed'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** What is known of a request when it is written down. */
export interface AuditEntry {
  at: Date;
  principalKind: 'user' | 'api_key' | 'anonymous';
  principalKey: string | null;
  /** The login or key name; for a log-in, the login as typed. */
  principalName: string;
  tenantKey: string | null;
  method: string;
  /** The route's template. */
  route: string;
  resourceId: string | null;
  outcome: AuditOutcome;
  status: number;
  code: string | null;
  ip: string;
  requestId: string;
}

/** An entry in its place in the chain. */
export interface ChainedRecord extends AuditEntry {
  sequence: number;
  previousHash: Buffer;
  hash: Buffer;
}

/** What the first record is chained to. */
export const chainStart = Buffer.alloc(32);

/** The outcome that an HTTP status stands for. */
export function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'accepted';
  if (status >= 500) return 'failed';
  return status === 401 || status === 403 || status === 429 ? 'denied' : 'refused';
}

/** Chains entries to the record before them. */
export function chain(entries: readonly AuditEntry[], last: { sequence: number; hash: Buffer }): ChainedRecord[] {
  let { sequence, hash } = last;
  return entries.map((entry) => {
    const previousHash = hash;
    sequence += 1;
    hash = hashRecord({ ...entry, sequence }, previousHash);
    return { ...entry, sequence, previousHash, hash };
  });
}

/** SHA-256 of the hash before and of every field, in a fixed order. */
export function hashRecord(record: AuditEntry & { sequence: number }, previousHash: Buffer): Buffer {
  const fields = [
    record.sequence,
    record.at.toISOString(),
    record.principalKind,
    record.principalKey,
    record.principalName,
    record.tenantKey,
    record.method,
    record.route,
    record.resourceId,
    record.outcome,
    record.status,
    record.code,
    record.ip,
    record.requestId,
  ];
  return createHash('sha256').update(previousHash).update(JSON.stringify(fields)).digest();
}

/** What is wrong with a record as the one after `last`; undefined where it fits. */
export function chainProblem(record: ChainedRecord, last: { sequence: number; hash: Buffer }): string | undefined {
  if (record.sequence !== last.sequence + 1) return `record ${last.sequence + 1} is missing`;
  if (!record.previousHash.equals(last.hash)) return 'it does not follow the record before it';
  if (!record.hash.equals(hashRecord(record, record.previousHash))) return 'its content was changed';
  return undefined;
}
