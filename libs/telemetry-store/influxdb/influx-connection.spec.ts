import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigError, createLogger, readConfig, systemClock } from '#libs/runtime';
import { InfluxConnection } from './influx-connection.js';
import { influxdbConfig } from './influxdb.config.js';

let server: Server;
afterEach(() => {
  server.close();
});

/** Answers as InfluxDB of that version does, a question with `refusal` where it names a measurement. */
async function answering(version: string, refusal: string, bucketStatus = 200): Promise<string> {
  server = createServer(async (request, answer) => {
    answer.setHeader('x-influxdb-version', version);
    if (request.url === '/ping') return void answer.writeHead(204).end();
    if (request.url?.startsWith('/api/v2/buckets')) return void answer.writeHead(bucketStatus).end('{"buckets":[]}');
    const statement = new URLSearchParams(await text(request)).get('q') ?? '';
    const result = { statement_id: 0, ...(statement.includes('FROM') ? { error: refusal } : {}) };
    answer.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify({ results: [result] })}\n`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the connection to InfluxDB 2.x', () => {
  it.each(['database not found: citysense', 'default retention policy not set for: citysense'])(
    'says at start what is missing: %s',
    async (refusal) => {
      const url = await answering('v2.7.9', refusal);
      const config = readConfig(influxdbConfig, {
        INFLUX_URL: url,
        INFLUX_DATABASE: 'citysense',
        INFLUX_ORG: 'citysense',
        INFLUX_TOKEN: 'secret',
      });
      const connection = new InfluxConnection(config, 5_000, systemClock, createLogger('test', 'silent'));
      const refused = await connection.open().catch((error: unknown) => error);
      await connection.close();
      expect(refused).toBeInstanceOf(ConfigError);
      expect((refused as ConfigError).message).toContain('a default DBRP mapping of that name');
    },
  );

  const starting = async (url: string, settings: Record<string, string>) => {
    const config = readConfig(influxdbConfig, { INFLUX_URL: url, INFLUX_DATABASE: 'citysense', ...settings });
    const connection = new InfluxConnection(config, 5_000, systemClock, createLogger('test', 'silent'));
    const refused = await connection.open().catch((error: unknown) => error);
    await connection.close();
    return refused;
  };

  it('ends at once where its token is not taken, as 2.x says it', async () => {
    server = createServer((request, answer) => {
      answer.setHeader('x-influxdb-version', 'v2.7.11');
      if (request.url === '/ping') return void answer.writeHead(204).end();
      answer
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"code":"unauthorized","message":"Unauthorized"}');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const refused = await starting(url, { INFLUX_ORG: 'citysense', INFLUX_TOKEN: 'bad' });
    expect(refused).toBeInstanceOf(ConfigError);
    expect((refused as ConfigError).message).toContain('INFLUX_TOKEN');
  });

  it.each([
    ['', 200, 'INFLUX_ORG'],
    ['other', 404, 'no bucket "citysense" in an organisation "other"'],
  ])('says at start that nothing can be written: organisation %j', async (org, status, said) => {
    const refused = await starting(await answering('v2.7.11', '', status), { INFLUX_ORG: org, INFLUX_TOKEN: 'secret' });
    expect(refused).toBeInstanceOf(ConfigError);
    expect((refused as ConfigError).message).toContain(said);
  });
});
