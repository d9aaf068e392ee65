import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, sleep } from '../clock.js';

const operations = /^\/(?:health\/|metrics(?:\?|$))/;
const checkEveryMs = 50;

/**
 * Lets requests in while the process can serve them. Health and metrics are served from the first moment to the last;
 * everything else is told to come back while the process starts or drains.
 */
export class FrontDoor {
  private isOpen = false;
  private readonly inside = new Set<FastifyReply>();

  constructor(
    server: FastifyInstance,
    private readonly clock: Clock,
    /** Why it is closed. */
    private readonly reason: () => string | undefined,
  ) {
    server.addHook('onRequest', async (request, reply) => this.admit(request, reply));
  }

  open(): void {
    this.isOpen = true;
  }

  /** Lets nobody in any more; resolves when who was inside has an answer, or after `graceMs`. Live streams are not waited for. */
  async close(graceMs: number): Promise<void> {
    this.isOpen = false;
    const deadline = this.clock.now() + graceMs;
    // A live stream has taken its answer over (`hijack`), which counts as sent.
    const waiting = () => [...this.inside].some((reply) => !reply.sent);
    while (waiting() && this.clock.now() < deadline) await sleep(this.clock, checkEveryMs);
  }

  private async admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    if (operations.test(request.url)) return undefined;
    if (this.isOpen) {
      this.inside.add(reply);
      reply.raw.once('close', () => this.inside.delete(reply));
      return undefined;
    }
    const detail = `This process does not serve requests now (${this.reason() ?? 'starting'}). Try again in a moment.`;
    return await reply
      .status(503)
      .header('retry-after', '1')
      .type('application/problem+json')
      .send({ type: 'about:blank', title: 'not ready', status: 503, code: 'not_ready', detail });
  }
}
