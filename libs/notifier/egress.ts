import { Inject } from '@nestjs/common';
import { CLOCK, type Clock } from '#libs/runtime';
import type { Claimed, EndpointRow } from './delivery-queue.repository.js';
import { EndpointSecrets } from './endpoint-secrets.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';
import { handshakeHeaders } from './webhook/handshake.js';
import { RESOLVER, type Resolve } from './webhook/resolver.js';
import { sign } from './webhook/standard-webhooks.js';
import { type Answer, WebhookClient } from './webhook/webhook-client.js';
import { WebhookTargetsRepository } from './webhook-targets.repository.js';

/** Everything that leaves for customers' URLs goes through here. */
export class Egress {
  private readonly client: WebhookClient;

  constructor(
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
    @Inject(WebhookTargetsRepository) private readonly targets: WebhookTargetsRepository,
    @Inject(notifierConfig.KEY) private readonly config: NotifierConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RESOLVER) resolve: Resolve,
  ) {
    const { attemptTimeoutMs: timeoutMs, endpointConcurrency: connections } = config;
    this.client = new WebhookClient({ clock, resolve, timeoutMs, connections });
  }

  /** One attempt to deliver, signed for now; `more` are further headers. */
  async deliver({ delivery, endpoint }: Claimed, more: Record<string, string>): Promise<Answer> {
    const now = this.clock.now();
    return await this.client.send({
      endpointKey: endpoint.key,
      url: endpoint.url,
      method: 'POST',
      headers: {
        ...more,
        'content-type': 'application/cloudevents+json; charset=utf-8',
        ...sign(this.secrets.signing(endpoint, now), delivery.notificationId, now, delivery.body),
      },
      body: delivery.body,
      policy: await this.targets.policyOf(endpoint.tenantKey),
    });
  }

  /** Asks an endpoint whether it agrees to be called. */
  async handshake(endpoint: EndpointRow): Promise<Answer> {
    return await this.client.send({
      endpointKey: endpoint.key,
      url: endpoint.url,
      method: 'OPTIONS',
      headers: handshakeHeaders(this.config.handshakeOrigin),
      policy: await this.targets.policyOf(endpoint.tenantKey),
    });
  }

  close(): void {
    this.client.close();
  }
}
