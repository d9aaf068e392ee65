import type { FastifyReply } from 'fastify';

const reconnectMs = 2_000;

/** Takes the answer over from the framework and begins a Server-Sent Events stream that nobody on the way keeps or buffers. */
export function beginEventStream(reply: FastifyReply): void {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(`retry: ${reconnectMs}\n\n`);
}
