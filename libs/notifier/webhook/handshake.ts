import type { Answer } from './webhook-client.js';

/** The request headers of the CloudEvents validation handshake (HTTP 1.1 Web Hooks for Event Delivery 1.0.1, section 4). */
export function handshakeHeaders(origin: string): Record<string, string> {
  return { 'webhook-request-origin': origin };
}

/** Why the target did not agree to be called; undefined where it did. */
export function handshakeProblem(answer: Answer, origin: string): string | undefined {
  if (answer.status === undefined) return answer.error;
  if (answer.status < 200 || answer.status > 299) return `OPTIONS was answered ${answer.status}`;
  const allowed = answer.headers['webhook-allowed-origin']?.trim();
  if (allowed === undefined) return 'OPTIONS was answered without WebHook-Allowed-Origin';
  if (allowed !== '*' && allowed.toLowerCase() !== origin.toLowerCase())
    return `WebHook-Allowed-Origin is "${allowed}"`;
  return undefined;
}
