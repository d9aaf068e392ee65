import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a customer's system got it. */
export interface Received {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** The CloudEvents body. */
  event: { id: string; type: string; sequence: string; data: Record<string, unknown> };
}

/** What the customer's system does with a request; the default answers 204. */
export type Behaviour = (received: Received, response: ServerResponse, request: IncomingMessage) => void;

/** A customer's system on a port of its own. */
export interface TestReceiver {
  url: string;
  port: number;
  received: Received[];
  behave(behaviour: Behaviour): void;
  /** Resolves when `count` requests have come in all. */
  got(count: number): Promise<void>;
  stop(): Promise<void>;
}

export const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (_received, response) => {
    response.writeHead(status, headers).end(body);
  };

export async function startReceiver(initial: Behaviour = answer(204)): Promise<TestReceiver> {
  const received: Received[] = [];
  let behaviour = initial;
  let wake = () => {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const one: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers as Record<string, string>,
        body,
        event: body ? JSON.parse(body) : {},
      };
      received.push(one);
      behaviour(one, response, request);
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    behave: (next) => {
      behaviour = next;
    },
    got: async (count) => {
      while (received.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
