import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as an OTLP/HTTP receiver gets it in JSON, with the service that it is of. */
export interface ReceivedSpan {
  service: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
  status: { code?: number; message?: string };
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}
interface Export {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes' | 'service'> & { attributes: Attribute[] })[] }[];
  }[];
}

const patienceMs = 20_000;

/** An OTLP/HTTP receiver on loopback that keeps what it is sent. Where `status` is not 200 it takes nothing. */
export class OtlpReceiver {
  readonly requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[] = [];
  readonly spans: ReceivedSpan[] = [];
  status = 200;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(): Promise<OtlpReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const receiver = new OtlpReceiver(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receiver.take(request.url ?? '', request.headers, Buffer.concat(chunks));
        response.writeHead(receiver.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    return receiver;
  }

  /** The first span that fits, once it has come; throws where none does. */
  async find(what: string, fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const span = this.spans.find(fits);
      if (span) return span;
      if (performance.now() > deadline) {
        throw new Error(`no span ${what} among ${[...new Set(this.spans.map(({ name }) => name))].join(', ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(path: string, headers: IncomingHttpHeaders, body: Buffer): void {
    this.requests.push({ path, headers, body });
    if (this.status !== 200 || headers['content-type'] !== 'application/json') return;
    for (const { resource, scopeSpans } of (JSON.parse(body.toString()) as Export).resourceSpans) {
      const service = String(record(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({
          ...span,
          service,
          parentSpanId: span.parentSpanId || undefined,
          attributes: record(span.attributes),
          links: span.links ?? [],
        });
      }
    }
  }
}

function record(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
