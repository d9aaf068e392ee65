const nameAuthority =
  'it is signed by an authority that this process does not know: name its file (PEM) in NODE_EXTRA_CA_CERTS';
const fixes: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: nameAuthority,
  UNABLE_TO_GET_ISSUER_CERT: nameAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: nameAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: nameAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: nameAuthority,
  CERT_UNTRUSTED: nameAuthority,
  CERT_HAS_EXPIRED: 'renew it, or mend the clock of this machine',
  CERT_NOT_YET_VALID: 'mend the clock of this machine, or that of its authority',
  CERT_REVOKED: 'its authority has revoked it: have another issued',
  ERR_TLS_CERT_ALTNAME_INVALID: 'use the name that it was issued for in the URL',
};

/** Whether a failure is that Node does not accept a server's certificate. */
export function isCertificateFailure(error: unknown): boolean {
  return fixOf(error) !== undefined;
}

/** What is said of a failure, and what to do about it where a server's certificate is the problem. */
export function withCertificateFix(error: unknown, said: string): string {
  const fix = fixOf(error);
  return fix ? `${said}: ${fix}` : said;
}

function fixOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? fixes[code] : undefined;
}
