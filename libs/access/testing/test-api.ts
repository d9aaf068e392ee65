import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DATABASE, type Database, RegistryDbModule } from '#libs/registry-db';
import { openTestRegistry } from '#libs/registry-db/testing';
import {
  type Clock,
  createHttpAdapter,
  type Environment,
  LIFECYCLE,
  type Lifecycle,
  OperationsModule,
  RuntimeModule,
} from '#libs/runtime';
import { AccessApiModule } from '../access.module.js';
import { Bootstrap } from '../bootstrap.js';
import { configureHttp } from '../http/configure-http.js';
import type { Role } from '../principal.js';

/** An answer of the API under test. */
export interface ApiAnswer<T = unknown> {
  status: number;
  headers: Headers;
  body: T;
}

/** A tenant of its own, with somebody logged in. */
export interface TestTenant {
  tenantKey: string;
  userKey: string;
  login: string;
  password: string;
  token: string;
}

/** A running REST API on a registry of its own. */
export interface TestApi {
  app: NestFastifyApplication;
  /** `http://127.0.0.1:49152` */
  url: string;
  database: Database;
  /** A session of the first administrator, who sees every tenant. */
  adminToken: string;
  adminPassword: string;
  dataDir: string;
  /** Sends JSON; `path` from the root: `/api/v1/me`. The token defaults to the administrator's; null sends none. */
  call<T = unknown>(
    method: string,
    path: string,
    options?: { token?: string | null; body?: unknown; headers?: Record<string, string> },
  ): Promise<ApiAnswer<T>>;
  /** Makes a tenant and a user in it (an operator unless told otherwise), logged in. */
  createTenant(code: string, roles?: readonly Role[]): Promise<TestTenant>;
  /** Makes a user in a tenant, logged in. */
  createUser(tenantKey: string, login: string, roles: readonly Role[], allTenants?: boolean): Promise<TestTenant>;
  stop(): Promise<void>;
}

/**
 * Starts the modules under test behind the real HTTP front on a free port: access, registry and runtime come with it.
 * `environment` adds settings (its REGISTRY_URL is used instead of a registry of its own, so that several share one);
 * `clock` scripts time.
 */
export async function startTestApi(
  modules: readonly (Type | DynamicModule)[],
  options: { environment?: Environment; clock?: Clock } = {},
): Promise<TestApi> {
  const registry = options.environment?.REGISTRY_URL === undefined ? await openTestRegistry() : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'citysense-test-api-'));
  const dataDir = join(folder, 'data');
  const environment: Environment = {
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    REGISTRY_KIND: 'postgresql',
    REGISTRY_URL: registry?.url,
    ...options.environment,
  };
  class TestModule {}
  const imports = [
    RuntimeModule.forRoot({ app: 'test', environment, clock: options.clock }),
    RegistryDbModule,
    AccessApiModule,
    OperationsModule,
    ...modules,
  ];
  Module({ imports })(TestModule);
  const app = await NestFactory.create<NestFastifyApplication>(TestModule, createHttpAdapter(environment), {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  const lifecycle = app.get<Lifecycle>(LIFECYCLE);
  const stop = async () => {
    await lifecycle.stop();
    await app.close();
    await registry?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await configureHttp(app);
    await app.init();
    await lifecycle.start();
    await app.listen(0, '127.0.0.1');
    return await logIn({ app, url: await app.getUrl(), database: app.get(DATABASE), dataDir, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function logIn(started: Pick<TestApi, 'app' | 'url' | 'database' | 'dataDir' | 'stop'>): Promise<TestApi> {
  const call: TestApi['call'] = async (method, path, { token = api.adminToken, body, headers = {} } = {}) => {
    const response = await fetch(started.url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    const parsed = (isJson && text ? JSON.parse(text) : text) as never;
    return { status: response.status, headers: response.headers, body: parsed };
  };
  const create = async <T>(path: string, body: unknown, token?: null): Promise<T> => {
    const answer = await call<T>('POST', path, { body, token });
    if (answer.status !== 201) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const login = async (name: string, password: string): Promise<string> =>
    (await create<{ token: string }>('/api/v1/sessions', { login: name, password }, null)).token;
  const api: TestApi = {
    ...started,
    adminToken: '',
    adminPassword: started.app.get(Bootstrap).initialPassword ?? '',
    call,
    createUser: async (tenantKey, name, roles, allTenants = false) => {
      const body = { login: name, name, roles, tenantId: tenantKey, allTenants };
      const user = await create<{ id: string; password: string }>('/api/v1/users', body);
      const token = await login(name, user.password);
      return { tenantKey, userKey: user.id, login: name, password: user.password, token };
    },
    createTenant: async (code, roles = ['operator']) => {
      const tenant = await create<{ id: string }>('/api/v1/tenants', { code, name: code });
      return api.createUser(tenant.id, `${roles[0]}.${code}`, roles);
    },
  };
  api.adminToken = await login('admin', api.adminPassword);
  return api;
}
