import type { Platform } from './platform-process.js';

/** A REST answer with its body parsed. */
export interface Answer<T = Record<string, unknown>> {
  status: number;
  body: T;
  headers: Headers;
}

/** The platform's REST API with one token, for tests and benchmarks. */
export class ApiClient {
  private constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async logIn(platform: Platform, login = 'admin', password = platform.adminPassword()): Promise<ApiClient> {
    const open = new ApiClient(platform.url, '');
    const { body } = await open.ask<{ token: string }>('POST', '/api/v1/sessions', { login, password });
    return new ApiClient(platform.url, body.token);
  }

  /** Asks and returns the body; throws on any status of 400 and above. */
  async call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    for (;;) {
      const answer = await this.ask<T>(method, path, body, headers);
      if (answer.status === 429) {
        await new Promise((resolve) => setTimeout(resolve, Number(answer.headers.get('retry-after') ?? 1) * 1000));
        continue;
      }
      if (answer.status < 400) return answer.body;
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
  }

  /** Asks and returns the answer, whatever its status. */
  async ask<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : undefined) as T, headers: response.headers };
  }
}
