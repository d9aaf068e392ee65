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
async function answering(version: string, refusal: string): Promise<string> {
  server = createServer(async (request, answer) => {
    answer.setHeader('x-influxdb-version', version);
    if (request.url === '/ping') return void answer.writeHead(204).end();
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
        INFLUX_TOKEN: 'secret',
      });
      const connection = new InfluxConnection(config, 5_000, systemClock, createLogger('test', 'silent'));
      const refused = await connection.open().catch((error: unknown) => error);
      await connection.close();
      expect(refused).toBeInstanceOf(ConfigError);
      expect((refused as ConfigError).message).toContain('a default DBRP mapping of that name');
    },
  );
});
