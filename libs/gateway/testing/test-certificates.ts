import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate with its key, in PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
}

/** What a certificate says. */
export interface CertificateRequest {
  name: string;
  /** Who signs it; itself where there is none, and then it may sign others. */
  issuer?: { name: string; key: string };
  /** Days from now, negative in the past. */
  validDays?: readonly [from: number, to: number];
}

const dayMs = 86_400_000;
const commonName = '550403';
const ecdsaWithSha256 = '2a8648ce3d040302';
const basicConstraints = '551d13';
const subjectAltName = '551d11';

/** Makes an X.509 v3 certificate (RFC 5280) for localhost and 127.0.0.1 on P-256: Node reads certificates, and cannot write them. */
export function makeCertificate({ name, issuer, validDays = [-1, 30] }: CertificateRequest): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: KeyObject = issuer ? createPrivateKey(issuer.key) : privateKey;
  const algorithm = sequence(oid(ecdsaWithSha256));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer?.name ?? name),
    sequence(...validDays.map((days) => time(Date.now() + days * dayMs))),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...(issuer ? [forLoopback()] : [forAuthority()]))),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, signer));
  return {
    cert: pem('CERTIFICATE', sequence(body, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function forAuthority(): Buffer {
  const isAuthority = sequence(der(0x01, Buffer.from([0xff])));
  return sequence(oid(basicConstraints), der(0x01, Buffer.from([0xff])), der(0x04, isAuthority));
}

function forLoopback(): Buffer {
  const names = [der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1]))];
  return sequence(oid(subjectAltName), der(0x04, sequence(...names)));
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid(commonName), der(0x0c, Buffer.from(name)))));
}

/** UTCTime, in whole seconds (RFC 5280, 4.1.2.5: up to 2049). */
function time(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text.slice(2)));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** Tag, length, value. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const size = value.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
