import { isIP } from 'node:net';
import { Inject } from '@nestjs/common';
import { urlRefused } from './notifier.errors.js';
import { judgeAddress } from './webhook/address-policy.js';
import { RESOLVER, type Resolve } from './webhook/resolver.js';
import { judgeLiteral, parseTarget } from './webhook/target-url.js';
import { WebhookTargetsRepository } from './webhook-targets.repository.js';

/** Checks URLs when they are saved; deliveries check again at every connection. */
export class UrlCheck {
  constructor(
    @Inject(WebhookTargetsRepository) private readonly targets: WebhookTargetsRepository,
    @Inject(RESOLVER) private readonly resolve: Resolve,
  ) {}

  /** The URL in canonical form. Throws 400 `url_refused`. A name that has no address yet is let through. */
  async check(text: string, tenantKey: string): Promise<string> {
    const target = parseTarget(text);
    if (typeof target === 'string') throw urlRefused(target);
    const policy = await this.targets.policyOf(tenantKey);
    const literal = judgeLiteral(target, policy);
    if (literal) throw urlRefused(literal);
    if (!isIP(target.host)) {
      const found = await this.resolve(target.host).catch(() => []);
      const problems = found.map(({ address }) => judgeAddress(address, target.port, target.secure, policy));
      const [problem] = problems;
      if (problem && problems.every((one) => one !== undefined)) throw urlRefused(problem);
    }
    return target.url.href;
  }
}
