import { Inject } from '@nestjs/common';
import { SecretBox } from '#libs/access';
import type { EndpointRow } from './delivery-queue.repository.js';
import { createSecret } from './webhook/standard-webhooks.js';

/** After a rotation the old secret goes on signing beside the new one for so long. */
export const rotationOverlapMs = 24 * 3_600_000;

/** The secrets of endpoints, sealed at rest and bound to their row. */
export class EndpointSecrets {
  constructor(@Inject(SecretBox) private readonly box: SecretBox) {}

  /** A new secret, as shown once and as kept. */
  create(endpointKey: string): { secret: string; sealed: string } {
    const secret = createSecret();
    return { secret, sealed: this.box.seal(secret, contextOf(endpointKey)) };
  }

  /** The secrets that sign at `now`, the newest first. */
  signing(endpoint: EndpointRow, now: number): string[] {
    const { key, secret, previousSecret, previousSecretUntil } = endpoint;
    const old = previousSecret && previousSecretUntil && previousSecretUntil.getTime() > now ? [previousSecret] : [];
    return [secret, ...old].map((sealed) => this.box.open(sealed, contextOf(key)).toString('utf8'));
  }
}

function contextOf(endpointKey: string): string {
  return `endpoint:${endpointKey}`;
}
