import { createGzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '#libs/runtime';
import { answer, type Behaviour, startReceiver, type TestReceiver } from '../testing/test-receiver.js';
import type { AddressPolicy } from './address-policy.js';
import type { Resolve } from './resolver.js';
import { type Answer, WebhookClient } from './webhook-client.js';

const tour: AddressPolicy = { allowLoopback: true, targets: [] };
const closed: AddressPolicy = { allowLoopback: false, targets: [] };

let receiver: TestReceiver;
let clients: WebhookClient[] = [];

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await receiver.stop();
});

function clientWith(resolve: Resolve, timeoutMs = 3_000): WebhookClient {
  const client = new WebhookClient({ clock: systemClock, resolve, timeoutMs, connections: 2 });
  clients.push(client);
  return client;
}

const nowhere: Resolve = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));

function post(client: WebhookClient, url: string, policy: AddressPolicy = tour): Promise<Answer> {
  return client.send({ endpointKey: 'endpoint', url, method: 'POST', headers: {}, body: '{}', policy });
}

describe('answers', () => {
  it.each<[string, Behaviour, Partial<Answer>]>([
    ['success', answer(200, {}, 'thanks'), { status: 200, text: 'thanks', error: '' }],
    ['no content', answer(204), { status: 204, text: '' }],
    ['failure', answer(500, {}, 'oops'), { status: 500, text: 'oops' }],
    [
      'a reset',
      (_received, response) => response.socket?.resetAndDestroy(),
      { status: undefined, error: 'ECONNRESET' },
    ],
    ['a closed connection', (_received, response) => response.socket?.destroy(), { status: undefined }],
    ['nonsense', (_received, response) => response.socket?.end('hello\r\n\r\n'), { status: undefined }],
  ])('%s', async (_case, behaviour, expected) => {
    receiver.behave(behaviour);
    expect(await post(clientWith(nowhere), receiver.url)).toMatchObject(expected);
  });

  it('nobody there', async () => {
    await receiver.stop();
    expect(await post(clientWith(nowhere), receiver.url)).toMatchObject({ status: undefined, error: 'ECONNREFUSED' });
    receiver = await startReceiver();
  });

  it('silence ends with the time allowed', async () => {
    receiver.behave(() => {});
    const begun = performance.now();
    expect(await post(clientWith(nowhere, 200), receiver.url)).toMatchObject({
      status: undefined,
      error: 'no answer within 200 ms',
    });
    expect(performance.now() - begun).toBeLessThan(2_500);
  });

  it('an answer that drips on after its status ends with the time allowed, and its status stands', async () => {
    receiver.behave((_received, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await post(clientWith(nowhere, 300), receiver.url)).toMatchObject({ status: 200 });
  });

  it('of 10 GB the first 20 KB are read', async () => {
    let sent = 0;
    receiver.behave((_received, response) => {
      response.writeHead(200, { 'content-length': String(10 * 1024 ** 3) });
      const chunk = Buffer.alloc(65_536, 'x');
      const pump = () => {
        while (!response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) break;
        }
      };
      response.on('drain', pump);
      pump();
    });
    const got = await post(clientWith(nowhere), receiver.url);
    expect(got).toMatchObject({ status: 200 });
    expect(got.text).toHaveLength(1_024);
    expect(sent).toBeLessThan(32 * 1024 ** 2);
  });

  it('a gzip bomb is not unpacked', async () => {
    receiver.behave((_received, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const gzip = createGzip();
      gzip.pipe(response);
      gzip.end(Buffer.alloc(64 * 1024 ** 2));
    });
    const before = process.memoryUsage().arrayBuffers;
    expect(await post(clientWith(nowhere), receiver.url)).toMatchObject({ status: 200 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(128 * 1024 ** 2);
  });

  it.each([301, 302, 303, 307, 308])('a %d is not followed', async (status) => {
    const inner = await startReceiver();
    receiver.behave(answer(status, { location: inner.url }));
    expect(await post(clientWith(nowhere), receiver.url)).toMatchObject({ status });
    receiver.behave(answer(status, { location: 'http://169.254.169.254/latest/meta-data/' }));
    expect(await post(clientWith(nowhere), receiver.url)).toMatchObject({ status });
    expect(inner.received).toHaveLength(0);
    await inner.stop();
  });

  it('keeps its connections', async () => {
    const client = clientWith(nowhere);
    const ports = new Set<number | undefined>();
    receiver.behave((_received, response, request) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    for (let n = 0; n < 8; n++) await post(client, receiver.url);
    expect(ports.size).toBeLessThanOrEqual(2);
  });
});

describe('where it connects', () => {
  it.each([
    'http://127.0.0.1',
    'http://0x7f.1',
    'http://2130706433',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://localhost',
  ])('%s is not reached', async (origin) => {
    const client = clientWith(async () => [{ address: '127.0.0.1', family: 4 }]);
    const got = await post(client, `${origin}:${receiver.port}/`, closed);
    expect(got).toMatchObject({ status: undefined, error: 'address_forbidden' });
    expect(receiver.received).toHaveLength(0);
  });

  it.each([
    ['169.254.169.254', 'address_forbidden'],
    ['10.0.0.5', 'address_not_allowed'],
    ['::ffff:10.0.0.5', 'address_not_allowed'],
    ['fe80::1', 'address_forbidden'],
  ])('a name that leads to %s: %s', async (address, error) => {
    const client = clientWith(async () => [{ address, family: address.includes(':') ? 6 : 4 }]);
    expect(await post(client, 'https://alerts.example.cn/', closed)).toMatchObject({ status: undefined, error });
  });

  it('a name that changes its address between check and use gains nothing', async () => {
    let asked = 0;
    const client = clientWith(async () => {
      asked += 1;
      return [{ address: asked === 1 ? '203.0.113.9' : '127.0.0.1', family: 4 }];
    });
    for (let n = 0; n < 2; n++) {
      expect(await post(client, `http://rebinding.example.cn:${receiver.port}/`, closed)).toMatchObject({
        error: 'address_forbidden',
      });
    }
    expect([asked, receiver.received.length]).toEqual([2, 0]);
  });

  it('of several addresses only those that are allowed are used', async () => {
    const client = clientWith(async () => [
      { address: '169.254.169.254', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
    expect(await post(client, `http://mixed.example.cn:${receiver.port}/`)).toMatchObject({ status: 204 });
  });

  it('a connection is not used after the target has been withdrawn', async () => {
    const client = clientWith(nowhere);
    expect(await post(client, receiver.url, tour)).toMatchObject({ status: 204 });
    expect(await post(client, receiver.url, closed)).toMatchObject({ error: 'address_forbidden' });
  });

  it('a name that nobody knows', async () => {
    expect(await post(clientWith(nowhere), 'https://nobody.invalid/')).toMatchObject({
      status: undefined,
      error: 'ENOTFOUND',
    });
  });
});
