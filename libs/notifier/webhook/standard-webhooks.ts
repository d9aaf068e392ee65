import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Standard Webhooks 1.0: a signature is good for five minutes. */
export const toleranceSeconds = 300;

const prefix = 'whsec_';

/** The three headers of a signed request. */
export interface SignatureHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** A new secret of 32 random bytes: `whsec_<base64>`. */
export function createSecret(): string {
  return prefix + randomBytes(32).toString('base64');
}

/** The key within a secret. Throws where it is not `whsec_` and 24 to 64 bytes in base64. */
export function keyOf(secret: string): Buffer {
  const base64 = secret.startsWith(prefix) ? secret.slice(prefix.length) : '';
  const key = Buffer.from(base64, 'base64');
  if (key.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '') || key.length < 24 || key.length > 64) {
    throw new Error('A webhook secret is "whsec_" and 24 to 64 bytes in base64.');
  }
  return key;
}

/** Signs a body with every secret that holds at the time; `at` is epoch milliseconds. */
export function sign(secrets: readonly string[], id: string, at: number, body: string): SignatureHeaders {
  const timestamp = String(Math.floor(at / 1_000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => `v1,${mac(secret, id, timestamp, body)}`).join(' '),
  };
}

/** Whether a request was signed with `secret`, within the tolerance of `now` (epoch milliseconds). */
export function verify(secret: string, headers: SignatureHeaders, body: string, now: number): boolean {
  const timestamp = headers['webhook-timestamp'];
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1_000 - Number(timestamp)) > toleranceSeconds) return false;
  const expected = Buffer.from(mac(secret, headers['webhook-id'], timestamp, body));
  return headers['webhook-signature'].split(' ').some((one) => {
    const given = Buffer.from(one.startsWith('v1,') ? one.slice(3) : '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function mac(secret: string, id: string, timestamp: string, body: string): string {
  return createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
}
