import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER, type Logger } from '../logger.js';
import { type ConsoleConfig, consoleConfig } from './console.config.js';

/** Where `deploy/console.mjs` builds it: `dist/console`, beside the compiled libs. */
const builtFolder = fileURLToPath(new URL('../../../console', import.meta.url));
/** What is no page of the console, whether or not it exists. */
const notPages = /^\/(?:api|docs|health|metrics|assets)(?:[/?]|$)/;
const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
};
/** The best first; the build leaves each beside the file. */
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/**
 * Serves the operators' console: its files under /assets, named by their content and so kept for ever, and its one page
 * at every address that a browser navigates to and that is nobody else's. To be called once, before `init`.
 */
export function serveConsole(app: NestFastifyApplication, folder = builtFolder): void {
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  if (!existsSync(join(folder, 'index.html'))) {
    app.get<Logger>(LOGGER).warn({ folder }, 'the console is not built: `npm start` builds it. Only the API is served');
    return;
  }
  const { mapUrl } = app.get<ConsoleConfig>(consoleConfig.KEY, { strict: false });
  const policy = contentSecurityPolicy(mapUrl);
  const html = withMapUrl(readFileSync(join(folder, 'index.html'), 'utf8'), mapUrl);
  const etag = `"${createHash('sha256').update(html).digest('base64url').slice(0, 22)}"`;
  const files = readFiles(join(folder, 'assets'));
  const showPage = (request: FastifyRequest, reply: FastifyReply) => {
    if (!isPage(request)) return reply.callNotFound();
    reply.header('cache-control', 'no-cache').header('etag', etag).header('content-security-policy', policy);
    if (request.headers['if-none-match'] === etag) return reply.status(304).send();
    return reply.type('text/html; charset=utf-8').send(html);
  };
  server.get('/', showPage);
  server.get('/*', showPage);
  server.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => {
    const type = types[extname(request.params.name)];
    const whole = files.get(request.params.name);
    if (!whole || !type) return reply.callNotFound();
    const accepted = request.headers['accept-encoding'] ?? '';
    const [encoding, ending] = encodings.find(
      ([name, ending]) => accepts(accepted, name) && files.has(request.params.name + ending),
    ) ?? [undefined, ''];
    if (encoding) reply.header('content-encoding', encoding);
    return reply
      .headers({ vary: 'accept-encoding', 'cache-control': 'public, max-age=31536000, immutable' })
      .header('content-security-policy', policy)
      .type(type)
      .send(files.get(request.params.name + ending));
  });
}

/** Every file, in memory: a few megabytes, and no request can name anything that is not there. */
function readFiles(folder: string): ReadonlyMap<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((part) => {
    const [name, weight] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === encoding && !/^q=0(?:\.0*)?$/.test(weight ?? '');
  });
}

/** Whether a browser navigates there, and nobody but the console has the address. */
function isPage({ url, headers }: FastifyRequest): boolean {
  if (notPages.test(url)) return false;
  return url === '/' || headers.accept?.includes('text/html') === true;
}

/**
 * What the page may do: run its own code, talk to its own platform, and load maps from the one origin that a setting
 * names. Components place what they draw by style attributes; no style sheet or script is written into the page.
 */
export function contentSecurityPolicy(mapUrl: string | undefined): string {
  const maps = mapUrl === undefined ? '' : ` ${new URL(mapUrl.replaceAll(/[{}]/g, '')).origin}`;
  return [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    `img-src 'self' data: blob:${maps}`,
    `connect-src 'self'${maps}`,
    "font-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The page learns of the map's address by a `meta` element: it may have no inline script. */
function withMapUrl(html: string, mapUrl: string | undefined): string {
  if (mapUrl === undefined) return html;
  const safe = mapUrl.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return html.replace('</head>', () => `  <meta name="map-url" content="${safe}" />\n  </head>`);
}
