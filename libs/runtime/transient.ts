import { isCertificateFailure } from './certificates.js';

const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/**
 * SQLSTATE: connection, resources, operator intervention, login refused, no such database, no privilege (the last three are
 * about us, never about what we were about to do), read-only (failed over), idle transaction ended, serialization, deadlock,
 * lock not available.
 */
const transientSqlStates = /^(08|53|57|28)...$|^3D000$|^42501$|^25006$|^25P03$|^40001$|^40P01$|^55P03$/;
/** What `pg` says without a code. */
const transientMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error)/;
const deepestCause = 6;

/**
 * Whether a failure says "not now" rather than "not this": an engine is down or overloaded. What failed so is tried again
 * for as long as it takes. An error may say so itself with `retryable: true`.
 */
export function isTransient(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < deepestCause && typeof cause === 'object' && cause !== null; depth++) {
    const { retryable, code, syscall, message, cause: next } = cause as Record<string, unknown>;
    if (typeof retryable === 'boolean') return retryable;
    // A socket file that is not there yet.
    if (code === 'ENOENT' && syscall === 'connect') return true;
    if (typeof code === 'string' && (transientCodes.has(code) || transientSqlStates.test(code))) return true;
    if (isCertificateFailure(cause)) return true;
    if (typeof message === 'string' && transientMessages.test(message)) return true;
    cause = next;
  }
  return false;
}
