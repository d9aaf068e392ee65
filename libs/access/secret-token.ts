import { createHash, randomBytes, randomInt } from 'node:crypto';

/** 256 random bits with a prefix that names their kind: `css_` a session, `csk_` an API key. */
export function newToken(prefix: 'css_' | 'csk_'): string {
  return prefix + randomBytes(32).toString('base64url');
}

/** How tokens are kept: their 256 random bits need no slow hash. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** No 0 O 1 l I: it is read from a screen and typed. */
const passwordAlphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

/** A generated password of 20 characters, about 116 bits. */
export function newPassword(): string {
  return Array.from({ length: 20 }, () => passwordAlphabet[randomInt(passwordAlphabet.length)]).join('');
}
