/** What an Authorization header says: the id only where it is Basic. */
export interface Credentials {
  id: string | undefined;
  secret: string;
}

/** Reads `Bearer <secret>` or `Basic base64(id:secret)` (RFC 6750, RFC 7617); undefined where it is neither. */
export function readCredentials(header: string | undefined): Credentials | undefined {
  const match = /^(bearer|basic) +([A-Za-z0-9._~+/=:-]{1,1000})$/i.exec(header ?? '');
  if (!match) return undefined;
  const text = match[2] as string;
  if (match[1]?.toLowerCase() === 'bearer') return { id: undefined, secret: text };
  const pair = Buffer.from(text, 'base64').toString();
  // A device id may contain colons, a generated secret never does.
  const at = pair.lastIndexOf(':');
  return at < 1 ? undefined : { id: pair.slice(0, at), secret: pair.slice(at + 1) };
}
