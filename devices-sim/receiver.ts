import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';

// A tiny system of a customer: takes webhooks, verifies their signatures, prints each event in one line.
// npm run receiver -- --secret whsec_... [--port 9000] [--json] [--fail-rate 0.3]

const { values: options } = parseArgs({
  options: {
    secret: { type: 'string', short: 's' },
    port: { type: 'string', short: 'p', default: '9000' },
    host: { type: 'string', default: '127.0.0.1' },
    json: { type: 'boolean', default: false },
    'fail-rate': { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const help = `Receives CitySense webhooks, verifies their signatures and prints each event in one line.

  --secret whsec_...   the endpoint's secret; without it nothing is verified
  --port 9000          where to listen
  --host 127.0.0.1     on which address
  --json               print events as JSON lines
  --fail-rate 0.3      answer this share of requests with 500, to watch retries
`;

const maxBodyBytes = 1_048_576;
const toleranceSeconds = 300;
/** Ids taken, to tell a repetition: at least once means sometimes twice. */
const taken = new Set<string>();
const rememberedIds = 10_000;

interface CloudEvent {
  id?: string;
  type?: string;
  time?: string;
  sequence?: string;
  data?: {
    alert?: { id?: string; status?: string; occurrences?: number; clearReason?: string | null };
    action?: { by?: string | null; text?: string; reason?: string };
    device?: { id?: string; name?: string | null; building?: string | null };
    severity?: string;
    titles?: { zh?: string; en?: string };
  };
}

type Verdict = 'verified' | 'unverified' | 'repeated';

/** Standard Webhooks 1.0: HMAC-SHA256 over id.timestamp.body, any one signature of the list. */
function problemOf(headers: IncomingHttpHeaders, body: string, secret: string): string | undefined {
  const id = String(headers['webhook-id'] ?? '');
  const timestamp = String(headers['webhook-timestamp'] ?? '');
  if (!id || !/^\d+$/.test(timestamp)) return 'webhook-id or webhook-timestamp is missing';
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > toleranceSeconds) return 'webhook-timestamp is too far off';
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = Buffer.from(createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64'));
  const good = String(headers['webhook-signature'] ?? '')
    .split(' ')
    .map((one) => Buffer.from(one.replace(/^v1,/, '')))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
  return good ? undefined : 'no signature fits the secret';
}

function take(headers: IncomingHttpHeaders, body: string, response: ServerResponse): void {
  const problem = options.secret ? problemOf(headers, body, options.secret) : undefined;
  if (problem) {
    print(`refused: ${problem}`);
    response.writeHead(401).end(problem);
    return;
  }
  if (Math.random() < Number(options['fail-rate'])) {
    print(`failing on purpose: ${headers['webhook-id']}`);
    response.writeHead(500).end('failing on purpose');
    return;
  }
  let event: CloudEvent;
  try {
    event = JSON.parse(body) as CloudEvent;
  } catch {
    response.writeHead(400).end('not JSON');
    return;
  }
  const id = String(headers['webhook-id'] ?? event.id ?? '');
  const verdict: Verdict = taken.has(id) ? 'repeated' : options.secret ? 'verified' : 'unverified';
  remember(id);
  response.writeHead(204).end();
  if (options.json) print(JSON.stringify({ receivedAt: new Date().toISOString(), verdict, event }));
  else print(lineOf(event, verdict));
}

function lineOf(event: CloudEvent, verdict: Verdict): string {
  const { data = {} } = event;
  const { action } = data;
  const words = [
    event.time ?? '',
    verdict === 'verified' ? '✓' : verdict,
    `#${event.sequence ?? '?'}`,
    (event.type ?? '').replace('cn.citysense.', ''),
    data.severity,
    data.titles && `${data.titles.zh} ${data.titles.en}`,
    data.device?.id,
    data.device?.building,
    action?.by && `by ${action.by}`,
    action?.text ?? action?.reason,
    data.alert?.id && `alert ${data.alert.id}`,
  ];
  return words.filter(Boolean).join('  ');
}

function remember(id: string): void {
  taken.add(id);
  const [oldest] = taken;
  if (taken.size > rememberedIds && oldest !== undefined) taken.delete(oldest);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function listen(): void {
  const server = createServer((request, response) => {
    if (request.method === 'OPTIONS') {
      // CloudEvents handshake: whoever asks may call.
      response.writeHead(200, { 'webhook-allowed-origin': request.headers['webhook-request-origin'] ?? '*' }).end();
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => take(request.headers, Buffer.concat(chunks).toString(), response));
  });
  server.on('error', (error) => {
    process.stderr.write(
      `cannot listen on ${options.host}:${options.port}: ${error.message}. Choose another --port.\n`,
    );
    process.exit(1);
  });
  server.listen(Number(options.port), options.host, () => {
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : options.port;
    process.stderr.write(
      `receiving on http://${options.host}:${port}/, ${options.secret ? 'verifying signatures' : 'verifying nothing: give --secret'}\n`,
    );
  });
  const stop = () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

if (options.help) process.stdout.write(help);
else listen();
