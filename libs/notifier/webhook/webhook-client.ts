import type { LookupFunction } from 'node:net';
import { LRUCache } from 'lru-cache';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import type { Clock } from '#libs/runtime';
import { type AddressPolicy, judgeAddress } from './address-policy.js';
import type { Resolve } from './resolver.js';
import { judgeLiteral, parseTarget, type Target } from './target-url.js';

/** What came of one request. `status` undefined: no answer, and `error` says why. */
export interface Answer {
  status: number | undefined;
  /** '' where an answer came. */
  error: string;
  headers: Readonly<Record<string, string>>;
  /** Its first bytes as text. */
  text: string;
  durationMs: number;
}

/** A request to a customer's URL. */
export interface Outgoing {
  /** Connections are never shared between endpoints: what one tenant may reach is not reached for another. */
  endpointKey: string;
  url: string;
  method: 'POST' | 'OPTIONS';
  headers: Record<string, string>;
  body?: string;
  policy: AddressPolicy;
}

export interface WebhookClientOptions {
  clock: Clock;
  resolve: Resolve;
  timeoutMs: number;
  /** Connections per endpoint. */
  connections: number;
}

/** Bytes of an answer that are read; the rest is cut off. */
const maxAnswerBytes = 20_480;
/** Bytes of it that are kept. */
const keptAnswerBytes = 1_024;
const maxAgents = 1_000;
const userAgent = 'CitySense-Webhook/1';

/** A target that may not be connected to. */
class BlockedAddress extends Error {
  override readonly name = 'BlockedAddress';
}

/**
 * Calls customers' URLs: addresses are judged where the connection is made, literals included, so a name that changes
 * its address between check and use gains nothing. Redirects are not followed, answers are read in part.
 */
export class WebhookClient {
  private readonly agents = new LRUCache<string, { agent: Agent; made: string }>({
    max: maxAgents,
    dispose: ({ agent }) => void agent.destroy().catch(() => {}),
  });

  constructor(private readonly options: WebhookClientOptions) {}

  async send(outgoing: Outgoing): Promise<Answer> {
    const { clock, timeoutMs } = this.options;
    const begun = clock.now();
    const answer = (part: Partial<Answer>): Answer => ({
      status: undefined,
      error: '',
      headers: {},
      text: '',
      ...part,
      durationMs: clock.now() - begun,
    });
    const target = parseTarget(outgoing.url);
    if (typeof target === 'string') return answer({ error: target });
    const abort = new AbortController();
    const cancel = clock.after(timeoutMs, () => abort.abort());
    try {
      const response = await request(target.url, {
        dispatcher: this.agentFor(outgoing, target),
        method: outgoing.method,
        headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...outgoing.headers },
        body: outgoing.body,
        signal: abort.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const text = await firstBytes(response.body);
      return answer({ status: response.statusCode, headers: plain(response.headers), text });
    } catch (error) {
      return answer({ error: abort.signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error) });
    } finally {
      cancel();
    }
  }

  close(): void {
    this.agents.clear();
  }

  /** One pool per endpoint, made anew when its URL or what it may reach changes: an open connection was judged by then. */
  private agentFor({ endpointKey, policy }: Outgoing, target: Target): Agent {
    const made = `${target.url.origin} ${JSON.stringify(policy)}`;
    const known = this.agents.get(endpointKey);
    if (known?.made === made) return known.agent;
    const agent = new Agent({
      connections: this.options.connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 60_000,
      connect: this.connector(target, policy),
    });
    this.agents.set(endpointKey, { agent, made });
    return agent;
  }

  private connector(target: Target, policy: AddressPolicy): buildConnector.connector {
    const connect = buildConnector({ timeout: this.options.timeoutMs, lookup: this.lookup(target, policy) });
    return (options, callback) => {
      const problem = judgeLiteral(target, policy);
      if (problem) callback(new BlockedAddress(problem), null);
      else connect(options, callback);
    };
  }

  /** Gives a connection only the addresses that it may use. */
  private lookup(target: Target, policy: AddressPolicy): LookupFunction {
    return (hostname, options, callback) => {
      this.options.resolve(hostname).then(
        (found) => {
          const judged = found.map((one) => ({
            one,
            problem: judgeAddress(one.address, target.port, target.secure, policy),
          }));
          const allowed = judged.filter(({ problem }) => !problem).map(({ one }) => one);
          const [first] = allowed;
          if (!first) callback(new BlockedAddress(judged[0]?.problem ?? 'name_not_found'), '', 4);
          else if (options.all) callback(null, allowed);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 4),
      );
    };
  }
}

/** Reads the beginning of an answer; one that goes on is cut off with its connection. */
async function firstBytes(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= maxAnswerBytes) break;
    }
  } catch {
    // The status has come: what the rest would have said does not change it.
  }
  return Buffer.concat(chunks).subarray(0, keptAnswerBytes).toString('utf8').replaceAll('\0', '');
}

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function reasonOf(error: unknown): string {
  const { name, code, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (name === 'BlockedAddress') return message;
  const first = Array.isArray(errors) ? (errors[0] as NodeJS.ErrnoException | undefined) : undefined;
  return (code ?? first?.code ?? message ?? 'failed').slice(0, 200);
}
