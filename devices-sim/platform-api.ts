import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How to reach and be let into a platform. */
export interface PlatformAccess {
  url: string;
  token?: string;
  login: string;
  password?: string;
  /** Where a platform on this machine left its first administrator's password. */
  dataDir: string;
}

/** A call the platform refused; the message is its own. */
export class PlatformRefusal extends Error {
  override readonly name = 'PlatformRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

const attempts = 8;

/** The platform's public REST API, as any client would call it. */
export class PlatformApi {
  private token: string | undefined;

  constructor(private readonly access: PlatformAccess) {
    this.token = access.token;
  }

  /** Logs in where no token was given. */
  async open(): Promise<void> {
    if (this.token) return;
    const password = this.access.password ?? (await this.initialPassword());
    const session = await this.call<{ token: string }>('POST', '/api/v1/sessions', {
      login: this.access.login,
      password,
    });
    this.token = session.token;
  }

  /** Calls a route and returns its JSON; waits and tries again where the platform says it is asked too often. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(new URL(path, this.access.url), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
      if (response.status === 429 && attempt < attempts) {
        await new Promise((resolve) => setTimeout(resolve, Number(response.headers.get('retry-after') ?? 1) * 1000));
        continue;
      }
      throw refusal(response.status, text);
    }
  }

  private async initialPassword(): Promise<string> {
    const file = join(this.access.dataDir, 'initial-admin-password');
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch {
      throw new Error(
        `no --password and no ${file}: give --password, or --token with an API key that may write devices.`,
      );
    }
  }
}

function refusal(status: number, text: string): PlatformRefusal {
  try {
    const problem = JSON.parse(text) as { code?: string; detail?: string };
    return new PlatformRefusal(status, problem.code ?? 'unknown', `${status} ${problem.code}: ${problem.detail}`);
  } catch {
    return new PlatformRefusal(status, 'unknown', `${status}: ${text.slice(0, 200)}`);
  }
}
