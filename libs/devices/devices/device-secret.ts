import { createHash, randomBytes } from 'node:crypto';

/** A new device secret of 256 bits; it is shown once and kept as its SHA-256. */
export function generateDeviceSecret(): { secret: string; secretHash: Buffer } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, secretHash: createHash('sha256').update(secret).digest() };
}
