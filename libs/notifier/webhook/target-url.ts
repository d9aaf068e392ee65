import { isIP } from 'node:net';
import { type AddressPolicy, type AddressProblem, judgeAddress } from './address-policy.js';

/** Where a webhook goes, as connections see it. */
export interface Target {
  url: URL;
  /** Without the brackets of an IPv6 literal. */
  host: string;
  port: number;
  secure: boolean;
}

export type UrlProblem = 'url_malformed' | 'url_scheme' | 'url_credentials' | AddressProblem | 'name_not_found';

const maxUrlLength = 2_048;

/** Reads a URL the way the HTTP client will: `0x7f.1`, `2130706433` and full-width digits come out as what they mean. */
export function parseTarget(text: string): Target | UrlProblem {
  if (text.length > maxUrlLength || !URL.canParse(text)) return 'url_malformed';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'url_scheme';
  if (url.username || url.password) return 'url_credentials';
  url.hash = '';
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { url, host, secure, port: url.port ? Number(url.port) : secure ? 443 : 80 };
}

/** Checks a literal address, for which no name is ever looked up; undefined for names and for addresses that are fine. */
export function judgeLiteral(target: Target, policy: AddressPolicy): AddressProblem | undefined {
  return isIP(target.host) ? judgeAddress(target.host, target.port, target.secure, policy) : undefined;
}
