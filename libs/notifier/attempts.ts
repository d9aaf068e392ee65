import { Inject } from '@nestjs/common';
import { parseTraceparent, type RunningSpan, TRACING, type Tracing, traceparentOf } from '#libs/runtime';
import type { Claimed } from './delivery-queue.repository.js';
import { Egress } from './egress.js';
import type { Answer } from './webhook/webhook-client.js';

const firstRefusal = 300;

/**
 * Single attempts to deliver. Where spans are exported, each has one under whatever caused the notification, and the endpoint
 * is told of it by the header `traceparent`.
 */
export class Attempts {
  constructor(
    @Inject(Egress) private readonly egress: Egress,
    @Inject(TRACING) private readonly tracing: Tracing,
  ) {}

  /** What came of it; never throws. */
  async make(claimed: Claimed): Promise<Answer> {
    const span = this.tracing.configured ? this.begin(claimed) : undefined;
    const headers: Record<string, string> = span ? { traceparent: traceparentOf(span.reference) } : {};
    const answer = await this.egress
      .deliver(claimed, headers)
      .catch((error: Error) => ({ status: undefined, error: error.message, headers: {}, text: '', durationMs: 0 }));
    if (span) end(span, answer);
    return answer;
  }

  close(): void {
    this.egress.close();
  }

  private begin({ delivery, endpoint }: Claimed): RunningSpan | undefined {
    return this.tracing.begin('webhook attempt', {
      kind: 'client',
      parent: parseTraceparent(traceparentIn(delivery.body)),
      attributes: {
        'http.request.method': 'POST',
        'citysense.delivery.id': delivery.key,
        'citysense.endpoint.id': endpoint.key,
        'citysense.alert.id': delivery.alertKey,
        'citysense.event.id': delivery.notificationId,
        'citysense.event.type': delivery.type,
        'http.request.resend_count': delivery.attempts,
      },
    });
  }
}

function end(span: RunningSpan, { status, error }: Answer): void {
  if (status !== undefined) span.set({ 'http.response.status_code': status });
  if (status === undefined || status >= firstRefusal) span.fail(error || `answered ${status}`);
  span.end();
}

/** The body is JSON that libs/alerts or the notifier itself froze. */
function traceparentIn(body: string): unknown {
  return (JSON.parse(body) as { traceparent?: unknown }).traceparent;
}
