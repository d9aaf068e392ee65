import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { configProvider, type Environment, readConfig } from '../config.js';
import { LOGGER } from '../logger.js';
import { RuntimeModule } from '../runtime.module.js';
import { consoleConfig } from './console.config.js';
import { contentSecurityPolicy, serveConsole } from './console.js';
import { createHttpAdapter } from './http-adapter.js';
import { ProblemFilter } from './problem.filter.js';

@Controller('api/v1/things')
class ThingsController {
  @Get()
  list(): string[] {
    return ['a thing'];
  }
}

/** A folder as the build leaves it, beside a file that nobody may read. */
function builtConsole(): { folder: string; remove: () => void } {
  const above = mkdtempSync(join(tmpdir(), 'citysense-console-'));
  const folder = join(above, 'console');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(above, 'secret.js'), 'not to be read');
  writeFileSync(join(folder, 'outside.js'), 'not to be read');
  writeFileSync(join(folder, 'index.html'), '<!doctype html><html><head></head><body>console</body></html>');
  writeFileSync(join(folder, 'assets', 'main-1a2b.js'), 'export const main = 1;');
  writeFileSync(join(folder, 'assets', 'main-1a2b.js.gz'), gzipSync('export const main = 1;'));
  return { folder, remove: () => rmSync(above, { recursive: true, force: true }) };
}

async function start(folder: string, environment: Environment = {}) {
  class TestModule {}
  Module({
    imports: [RuntimeModule.forRoot({ app: 'test', environment: { LOG_LEVEL: 'silent', ...environment } })],
    controllers: [ThingsController],
    providers: [configProvider(consoleConfig)],
  })(TestModule);
  const app = await NestFactory.create<NestFastifyApplication>(TestModule, createHttpAdapter({}), { logger: false });
  app.useSecurityHeaders();
  app.useGlobalFilters(new ProblemFilter(app.get(LOGGER)));
  serveConsole(app, folder);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

describe('the console', () => {
  const built = builtConsole();
  let app: NestFastifyApplication;
  let url: string;
  beforeAll(async () => {
    ({ app, url } = await start(built.folder));
  });
  afterAll(async () => {
    await app.close();
    built.remove();
  });

  const get = (path: string, headers: Record<string, string> = { accept: 'text/html,*/*' }) =>
    fetch(url + path, { headers });

  it.each(['/', '/?lang=en', '/alerts', '/alerts?status=open', '/devices/a.b:c-1', '/apiary', '/docsy', '/a/b/c'])(
    'shows its page at %s',
    async (path) => {
      const answer = await get(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(await answer.text()).toContain('console');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(answer.headers.get('content-security-policy')).toBe(contentSecurityPolicy(undefined));
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

  it('says so where the page is still the same', async () => {
    const etag = (await get('/')).headers.get('etag') ?? '';
    const again = await get('/alerts', { accept: 'text/html', 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it.each([
    '/api',
    '/api/v1/nowhere',
    '/api?x=1',
    '/docs/nowhere',
    '/health/nowhere',
    '/metrics',
    '/assets/nowhere.js',
    '/assets/main-1a2b.js.gz',
    '/assets/main-1a2b.js/',
    '/assets/',
    '/assets',
  ])('is not at %s', async (path) => {
    const answer = await get(path);
    expect([answer.status, await answer.json()]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
  });

  it('leaves routes to the API, and gives programs a problem instead of a page', async () => {
    expect(await (await get('/api/v1/things')).json()).toEqual(['a thing']);
    const program = await get('/alerts', { accept: 'application/json' });
    expect([program.status, await program.json()]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
    expect((await fetch(`${url}/alerts`, { method: 'POST', headers: { accept: 'text/html' } })).status).toBe(404);
    expect((await fetch(url, { method: 'HEAD', headers: { accept: 'text/html' } })).status).toBe(200);
  });

  it('lets its files be kept for ever, and sends them compressed', async () => {
    const answer = await get('/assets/main-1a2b.js', { 'accept-encoding': 'gzip' });
    expect(await answer.text()).toBe('export const main = 1;');
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': 'gzip',
      'content-type': 'text/javascript; charset=utf-8',
      vary: expect.stringMatching(/accept-encoding/i),
    });
    const plain = await get('/assets/main-1a2b.js', { 'accept-encoding': 'identity' });
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, 'export const main = 1;']);
  });

  it.each([
    ['br, gzip', 'gzip'],
    ['deflate, GZIP;q=0.5', 'gzip'],
    ['gzip;q=0', null],
    ['br;q=1.0', null],
    ['xgzip', null],
  ])('takes %s', async (accepted, encoding) => {
    // By hand: `fetch` adds encodings of its own.
    const given = await new Promise((done, fail) => {
      request(`${url}/assets/main-1a2b.js`, { headers: { 'accept-encoding': accepted } }, (response) => {
        response.resume();
        done(response.headers['content-encoding'] ?? null);
      })
        .on('error', fail)
        .end();
    });
    expect(given).toBe(encoding);
  });

  // By hand: `fetch` resolves the dots before it sends them.
  it.each([
    '/assets/../outside.js',
    '/assets/..%2foutside.js',
    '/assets/%2e%2e/outside.js',
    '/assets/..%5coutside.js',
    '/assets/../../secret.js',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.js',
    '/assets/%00main-1a2b.js',
    '/assets//etc/passwd',
  ])('gives nothing from outside its folder: %s', async (path) => {
    const answer = await new Promise<{ status?: number; text: string }>((done, fail) => {
      const { hostname, port } = new URL(url);
      request({ hostname, port, path }, (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => done({ status: response.statusCode, text }));
      })
        .on('error', fail)
        .end();
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).not.toContain('not to be read');
  });
});

describe('the console with a map', () => {
  let app: NestFastifyApplication | undefined;
  afterEach(() => app?.close());

  it('may ask its origin, and no other', async () => {
    const built = builtConsole();
    const mapUrl = 'https://tiles.example:8443/{z}/{x}/{y}.png?key="a&b"';
    const started = await start(built.folder, { CONSOLE_MAP_URL: mapUrl });
    app = started.app;
    const answer = await fetch(started.url);
    expect(answer.headers.get('content-security-policy')).toContain("connect-src 'self' https://tiles.example:8443;");
    expect(await answer.text()).toContain(
      '<meta name="map-url" content="https://tiles.example:8443/{z}/{x}/{y}.png?key=&quot;a&amp;b&quot;" />',
    );
    built.remove();
  });

  it.each([
    'tiles.example/{z}',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://user:secret@tiles.example/',
    'https://{s}.tiles.example/{z}/{x}/{y}.png',
    "https://tiles.example/; script-src 'unsafe-inline'",
  ])('refuses %s', (mapUrl) => {
    expect(() => readConfig(consoleConfig, { CONSOLE_MAP_URL: mapUrl })).toThrow(/CONSOLE_MAP_URL/);
  });
});

describe('a console that is not built', () => {
  it('leaves the API served', async () => {
    const { app, url } = await start(join(tmpdir(), 'citysense-no-such-folder'));
    expect((await fetch(url, { headers: { accept: 'text/html' } })).status).toBe(404);
    expect((await fetch(`${url}/api/v1/things`)).status).toBe(200);
    await app.close();
  });
});
