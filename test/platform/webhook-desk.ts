import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';

/** A webhook as it arrived. */
export interface Received {
  /** When it arrived, by `performance.now()`. */
  at: number;
  headers: IncomingHttpHeaders;
  body: string;
  event: { id: string; type: string; subject?: string; data: Record<string, unknown> };
}

const patienceMs = 60_000;

/** A consumer of webhooks on loopback that keeps what it received. */
export class WebhookDesk {
  readonly received: Received[] = [];
  private waiting: { suffix: string; resolve: (received: Received) => void }[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(): Promise<WebhookDesk> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const desk = new WebhookDesk(server, `http://127.0.0.1:${(server.address() as { port: number }).port}/alerts`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        desk.take(request.headers, Buffer.concat(chunks).toString());
        response.writeHead(204).end();
      });
    });
    return desk;
  }

  /** The next webhook to arrive whose type ends in `suffix`; rejects after a minute. */
  next(suffix: string): Promise<Received> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${suffix} webhook within ${patienceMs} ms`)), patienceMs);
      this.waiting.push({
        suffix,
        resolve: (received) => {
          clearTimeout(timer);
          resolve(received);
        },
      });
    });
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(headers: IncomingHttpHeaders, body: string): void {
    const received: Received = { at: performance.now(), headers, body, event: JSON.parse(body) as Received['event'] };
    this.received.push(received);
    const waiter = this.waiting.find(({ suffix }) => received.event.type.endsWith(suffix));
    if (!waiter) return;
    this.waiting = this.waiting.filter((other) => other !== waiter);
    waiter.resolve(received);
  }
}
