import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FastifyInstance, fastify } from 'fastify';
import { systemClock } from '../clock.js';
import { FrontDoor } from './front-door.js';

describe('FrontDoor', () => {
  let server: FastifyInstance;
  let door: FrontDoor;
  let url: string;
  let answer: () => void;
  beforeEach(async () => {
    server = fastify({ forceCloseConnections: true });
    door = new FrontDoor(server, systemClock, () => 'starting: registry-db waits');
    server.get('/health/ready', async () => 'health');
    server.get('/metrics', async () => 'metrics');
    server.get('/api/v1/devices', async () => 'devices');
    server.get('/api/v1/slow', () => new Promise((resolve) => (answer = () => resolve('slow'))));
    server.get('/api/v1/live', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(': alive\n\n');
    });
    url = await server.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(() => server.close());
  const status = async (path: string) => (await fetch(url + path)).status;

  it('serves health and metrics from the first moment, and nothing else', async () => {
    expect([await status('/health/ready'), await status('/metrics')]).toEqual([200, 200]);
    const refused = await fetch(`${url}/api/v1/devices`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(await refused.json()).toMatchObject({
      status: 503,
      code: 'not_ready',
      detail: expect.stringContaining('registry-db waits'),
    });
    expect(await status('/metricsx')).toBe(503);
    door.open();
    expect(await status('/api/v1/devices')).toBe(200);
  });

  it('lets who is inside finish, and lets nobody else in', async () => {
    door.open();
    const slow = fetch(`${url}/api/v1/slow`);
    const live = await fetch(`${url}/api/v1/live`);
    while (!answer) await new Promise((resolve) => setTimeout(resolve, 5));
    let closed = false;
    const closing = door.close(5_000).then(() => {
      closed = true;
    });
    expect(await status('/api/v1/devices')).toBe(503);
    expect(await status('/health/ready')).toBe(200);
    expect(closed).toBe(false);
    answer();
    expect(await (await slow).text()).toBe('slow');
    const answered = performance.now();
    await closing;
    expect(performance.now() - answered).toBeLessThan(2_000);
    await live.body?.cancel();
  });

  it('waits for nobody longer than it was told', async () => {
    door.open();
    const slow = fetch(`${url}/api/v1/slow`).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    await door.close(200);
    expect(performance.now() - began).toBeLessThan(2_000);
    await server.close();
    await slow;
  });
});
