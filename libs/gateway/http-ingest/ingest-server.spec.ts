import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { openTestStream, type TestStream } from '#libs/stream/testing';
import { openTestGateway, storedMessages, type TestGateway } from '../testing/index.js';

let stream: TestStream;
let registry: TestRegistry;
let gateway: TestGateway;
let seeded: Seeded;
let next = 0;

function device(): Seeded['devices'][number] {
  const found = seeded.devices[next++];
  if (!found) throw new Error('seed more devices');
  return found;
}

interface Answer {
  status: number;
  headers: Headers;
  body: { code?: string };
}

async function post(
  path: string,
  authorization: string | undefined,
  body: string | Buffer = '{"values":{}}',
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.ingestPort}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: new Uint8Array(Buffer.from(body as string)),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
}

const bearer = ({ secret }: { secret: string }) => `Bearer ${secret}`;
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

beforeAll(async () => {
  [stream, registry] = await Promise.all([openTestStream(), openTestRegistry()]);
  seeded = await seedDevices(registry.database, { count: 12, prefix: 'http-' });
  gateway = await openTestGateway(stream.log, registry.database, {
    GATEWAY_MAX_MESSAGE_BYTES: '10000',
    GATEWAY_FAILED_LOGINS_PER_DEVICE: '3',
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await registry?.stop();
  await stream?.stop();
});

describe('HTTP ingest', () => {
  it('answers 202 once the message is in the stream, as MQTT would have put it', async () => {
    const own = device();
    const bytes = Buffer.from([0, 255, 10]);
    expect((await post(`/devices/${own.id}/telemetry`, bearer(own), '{"values":{"a":1}}')).status).toBe(202);
    expect((await post(`/devices/${own.id.toUpperCase()}/up`, basic(own.id, own.secret), bytes)).status).toBe(202);
    expect((await post(`/devices/${own.id}/up/9`, bearer(own), bytes)).status).toBe(202);
    expect((await post(`/devices/${own.id}/events/alarm`, bearer(own), '{}')).status).toBe(202);
    const found = (await storedMessages(stream.log)).filter((m) => m.deviceKey === own.key);
    expect(found.map((m) => [m.kind, m.name, Buffer.from(m.payload).toString('latin1')])).toEqual([
      ['telemetry', '', '{"values":{"a":1}}'],
      ['up', '', bytes.toString('latin1')],
      ['up', '9', bytes.toString('latin1')],
      ['event', 'alarm', '{}'],
    ]);
  });

  it('refuses what it cannot take, with a problem document', async () => {
    const [own, other] = [device(), device()];
    const cases: [string, string | undefined, string | Buffer | undefined, number, string][] = [
      [`/devices/${own.id}/telemetry`, undefined, undefined, 401, 'unauthenticated'],
      [`/devices/${own.id}/telemetry`, 'Bearer wrong', undefined, 401, 'unauthenticated'],
      [`/devices/${own.id}/telemetry`, 'Digest x', undefined, 401, 'unauthenticated'],
      ['/devices/nobody/telemetry', bearer(own), undefined, 401, 'unauthenticated'],
      [`/devices/${other.id}/telemetry`, bearer(own), undefined, 401, 'unauthenticated'],
      [`/devices/${other.id}/telemetry`, basic(own.id, own.secret), undefined, 403, 'device_foreign'],
      [`/devices/${own.id}/telemetry`, bearer(own), '', 400, 'body_empty'],
      [`/devices/${own.id}/telemetry`, bearer(own), Buffer.alloc(10_001), 413, 'body_too_large'],
      [`/devices/${own.id}/events/a%20b`, bearer(own), undefined, 404, 'not_found'],
      [`/devices/${own.id}/up/256`, bearer(own), undefined, 404, 'not_found'],
      [`/devices/${own.id}/commands/1/reply`, bearer(own), undefined, 404, 'not_found'],
      ['/', bearer(own), undefined, 404, 'not_found'],
    ];
    for (const [path, authorization, body, status, code] of cases) {
      const answer = await post(path, authorization, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, status, code]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    expect((await storedMessages(stream.log)).filter((m) => m.deviceKey === own.key)).toEqual([]);
  });

  it('refuses a disabled device', async () => {
    const disabled = (await seedDevices(registry.database, { prefix: 'off-', status: 'disabled' })).devices[0];
    const answer = await post(`/devices/${disabled?.id}/up`, bearer(disabled as { secret: string }));
    expect([answer.status, answer.body.code]).toEqual([403, 'device_disabled']);
  });

  it('slows down who guesses, with Retry-After', async () => {
    const own = device();
    for (let n = 0; n < 3; n++) expect((await post(`/devices/${own.id}/up`, 'Bearer wrong')).status).toBe(401);
    const answer = await post(`/devices/${own.id}/up`, bearer(own));
    expect([answer.status, answer.body.code]).toEqual([429, 'too_many_requests']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await post(`/devices/${device().id}/up`, 'Bearer wrong')).status).toBe(401);
  });
});
