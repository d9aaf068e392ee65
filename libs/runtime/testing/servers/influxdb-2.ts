import { spawnSync } from 'node:child_process';
import { findProgram } from './where.js';

/** How tests log in to an InfluxDB 2.x: by the token of its operator, which may make buckets and tokens. */
export interface InfluxdbLogin {
  org: string;
  token: string;
}

const ours: InfluxdbLogin = { org: 'citysense', token: 'citysense-tests' };
const timeoutMs = 30_000;
let found: { login: InfluxdbLogin | undefined } | undefined;

/**
 * The login where tests run on a 2.x: a server at TEST_INFLUXDB_URL with TEST_INFLUXDB_TOKEN (and TEST_INFLUXDB_ORG), or a
 * program of that version. Undefined on 1.x, which asks for none.
 */
export function influxdbLogin(): InfluxdbLogin | undefined {
  found ??= { login: findLogin(process.env) };
  return found.login;
}

function findLogin({ TEST_INFLUXDB_URL, TEST_INFLUXDB_TOKEN, TEST_INFLUXDB_ORG = ours.org }: NodeJS.ProcessEnv) {
  if (TEST_INFLUXDB_URL) {
    return TEST_INFLUXDB_TOKEN ? { org: TEST_INFLUXDB_ORG, token: TEST_INFLUXDB_TOKEN } : undefined;
  }
  const path = findProgram('influxd');
  return path && /v?2\.\d/.test(spawnSync(path, ['version'], { encoding: 'utf8' }).stdout) ? ours : undefined;
}

/** The program's arguments; a test's `settings` are lines of the section [data] of 1.x: `wal-fsync-delay = "100ms"`. */
export function influxdb2Arguments(dir: string, port: number, settings: readonly string[]): string[] {
  return [
    ...[
      '--bolt-path',
      `${dir}/influxd.bolt`,
      '--sqlite-path',
      `${dir}/influxd.sqlite`,
      '--engine-path',
      `${dir}/engine`,
    ],
    ...['--http-bind-address', `127.0.0.1:${port}`, '--reporting-disabled', '--log-level', 'error'],
    ...settings.map((line) => `--storage-${line.replace(' = ', '=').replaceAll('"', '')}`),
  ];
}

/** Sets a new server up, as its image does at the first start. */
export async function setUpInfluxdb2(url: string, { org, token }: InfluxdbLogin): Promise<void> {
  const { allowed } = (await call(url, token, 'GET', '/api/v2/setup')) as { allowed: boolean };
  if (!allowed) return;
  const first = { username: 'citysense', password: token, org, bucket: 'first', token };
  await call(url, token, 'POST', '/api/v2/setup', first);
}

/** Makes a bucket where there is none of that name; gives its id. */
export async function ensureBucket(url: string, login: InfluxdbLogin, name: string, shardDays = 28): Promise<string> {
  const there = await bucketId(url, login, name);
  if (there) return there;
  const retentionRules = [{ type: 'expire', everySeconds: 0, shardGroupDurationSeconds: shardDays * 86_400 }];
  const bucket = { orgID: await orgId(url, login), name, retentionRules };
  const made = await call(url, login.token, 'POST', '/api/v2/buckets', bucket).catch(() => undefined);
  const id = (made as { id: string } | undefined)?.id ?? (await bucketId(url, login, name));
  if (!id) throw new Error(`InfluxDB made no bucket ${name}`);
  return id;
}

/** A token that may read and write one bucket and nothing else. */
export async function bucketToken(url: string, login: InfluxdbLogin, name: string): Promise<string> {
  const [id, orgID] = [await ensureBucket(url, login, name), await orgId(url, login)];
  const permissions = ['read', 'write'].map((action) => ({ action, resource: { type: 'buckets', id, orgID } }));
  const made = await call(url, login.token, 'POST', '/api/v2/authorizations', { orgID, permissions });
  return (made as { token: string }).token;
}

/** Removes a bucket with all that it holds. */
export async function dropBucket(url: string, login: InfluxdbLogin, name: string): Promise<void> {
  const id = await bucketId(url, login, name);
  if (id) await call(url, login.token, 'DELETE', `/api/v2/buckets/${id}`);
}

async function orgId(url: string, { org, token }: InfluxdbLogin): Promise<string | undefined> {
  const { orgs } = (await call(url, token, 'GET', `/api/v2/orgs?${new URLSearchParams({ org })}`)) as {
    orgs: { id: string }[];
  };
  return orgs[0]?.id;
}

async function bucketId(url: string, { org, token }: InfluxdbLogin, name: string): Promise<string | undefined> {
  const query = new URLSearchParams({ org, name });
  const answer = await call(url, token, 'GET', `/api/v2/buckets?${query}`).catch((error: Error) => {
    if (error.message.includes(' 404 ')) return undefined;
    throw error;
  });
  return (answer as { buckets: { id: string }[] } | undefined)?.buckets[0]?.id;
}

async function call(url: string, token: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Token ${token}` },
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
