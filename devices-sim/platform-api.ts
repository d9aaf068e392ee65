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

/** A reading as the platform shows it. */
export interface LatestReading {
  metric: string;
  value: unknown;
  /** ISO 8601. */
  observedAt: string;
}

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

const attempts = 8;
const timeoutMs = 60_000;
const rowsPerPage = 500;

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
    try {
      const session = await this.call<{ token: string }>('POST', '/api/v1/sessions', {
        login: this.access.login,
        password,
      });
      this.token = session.token;
    } catch (error) {
      if (!(error instanceof PlatformRefusal) || error.status !== 401) throw error;
      const source = this.access.password === undefined ? `the password in ${this.passwordFile}` : '--password';
      throw new Error(
        `${this.access.url} did not accept login "${this.access.login}" with ${source} (${error.message}). ` +
          'Give the right --login and --password, or --token with an API key.',
      );
    }
  }

  /** Calls a route and returns its JSON; waits and tries again where the platform says it is asked too often. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.ask(method, path, body);
      const text = await response.text();
      if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
      if (response.status === 429 && attempt < attempts) {
        await new Promise((resolve) => setTimeout(resolve, Number(response.headers.get('retry-after') ?? 1) * 1000));
        continue;
      }
      throw refusal(response.status, text);
    }
  }

  /** Everything of a list, page by page. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    const first = `${path}${path.includes('?') ? '&' : '?'}limit=${rowsPerPage}`;
    for (let next: string | undefined = first; next !== undefined; ) {
      const page: Page<T> = await this.call('GET', next);
      items.push(...page.items);
      next = page.nextCursor === null ? undefined : `${first}&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
    return items;
  }

  /** The latest reading of every metric of up to 200 devices, by device id. */
  async latest(deviceIds: readonly string[]): Promise<Map<string, LatestReading[]>> {
    const { items } = await this.call<{ items: { deviceId: string; readings: LatestReading[] }[] }>(
      'GET',
      `/api/v1/readings/latest?device=${deviceIds.join(',')}`,
    );
    return new Map(items.map(({ deviceId, readings }) => [deviceId, readings]));
  }

  private async ask(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(new URL(path, this.access.url), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      const { message, cause } = error as Error & { cause?: { code?: string } };
      throw new Error(
        `the platform does not answer at ${this.access.url} (${cause?.code ?? message}). ` +
          'Start it with `npm start`, or say where it is with --url.',
      );
    }
  }

  private get passwordFile(): string {
    return join(this.access.dataDir, 'initial-admin-password');
  }

  private async initialPassword(): Promise<string> {
    try {
      return (await readFile(this.passwordFile, 'utf8')).trim();
    } catch {
      throw new Error(
        `no ${this.passwordFile} to log in with: start the platform with \`npm start\`, ` +
          'say where its data is with --data-dir, or give --password or --token.',
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
