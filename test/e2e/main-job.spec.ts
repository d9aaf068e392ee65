import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { WebhookDesk } from '../platform/webhook-desk.js';

interface LatestView {
  readings: { metric: string; value: unknown; unit?: string | null; quality: string[]; observedAt: string }[];
}

describe('the main job, in one process on the embedded engines', () => {
  let platform: PlatformProcess;
  let api: ApiClient;
  let desk: WebhookDesk;
  const clients: MqttClient[] = [];

  beforeAll(async () => {
    platform = await PlatformProcess.create({ NOTIFIER_ALLOW_LOOPBACK: 'true' });
    await platform.start();
    api = await ApiClient.logIn(platform);
    desk = await WebhookDesk.open();
  }, 120_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    desk.stop();
    await platform.remove();
  }, 60_000);

  async function register(id: string, productId: string): Promise<string> {
    const { secret } = await api.call<{ secret: string }>('POST', '/api/v1/devices', { id, name: id, productId });
    return secret;
  }

  async function connect(id: string, secret: string): Promise<MqttClient> {
    const client = await mqtt.connectAsync(platform.mqttUrl, {
      clientId: id,
      username: id,
      password: secret,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    clients.push(client);
    return client;
  }

  async function latest(id: string, metric: string) {
    return eventually(async () => {
      const { readings } = await api.call<LatestView>('GET', `/api/v1/devices/${id}/readings/latest`);
      return readings.find((reading) => reading.metric === metric);
    }, `${metric} of ${id}`);
  }

  it('says where it listens and how to log in', () => {
    const output = platform.output();
    expect(output).toContain(`http://127.0.0.1:${platform.listening.httpPort}/docs`);
    expect(output).toContain(`mqtt://127.0.0.1:${platform.listening.mqttPort}`);
    expect(output).toContain(platform.adminPassword());
  });

  it('takes a canonical JSON reading over MQTT and shows it with unit and quality', async () => {
    const client = await connect('meter-1', await register('meter-1', 'water-meter'));
    await client.publishAsync(
      'devices/meter-1/telemetry',
      '{"values":{"metering.water.total":15230.5,"battery":"3.58","mystery":1}}',
      { qos: 1 },
    );
    expect(await latest('meter-1', 'metering.water.total')).toMatchObject({
      value: 15230.5,
      unit: 'L',
      quality: ['good'],
    });
    expect(await latest('meter-1', 'battery')).toMatchObject({ value: 3.58, unit: 'V', quality: ['coerced'] });
    expect(await latest('meter-1', 'mystery')).toMatchObject({ value: 1, quality: ['unmodelled'] });
  });

  it('decodes real CJ/T 188 bytes', async () => {
    const client = await connect('meter-2', await register('meter-2', 'water-meter-cjt188'));
    const frame = Buffer.from('68105544332211003381161f9001563412002c000012002c003008221126200000a816', 'hex');
    await client.publishAsync('devices/meter-2/up', frame, { qos: 1 });
    expect(await latest('meter-2', 'metering.water.total')).toMatchObject({ value: 1_234_560, unit: 'L' });
    expect(await latest('meter-2', 'valve')).toMatchObject({ value: 'open' });
    const { items } = await api.call<{ items: { hex: string; outcome: string; decoder: string }[] }>(
      'GET',
      '/api/v1/devices/meter-2/frames',
    );
    expect(items.some((one) => one.outcome === 'decoded' && one.decoder.startsWith('cjt188'))).toBe(true);
  });

  it('takes readings over HTTP with the device secret', async () => {
    const secret = await register('meter-http', 'water-meter');
    const post = (authorization: string) =>
      fetch(`${platform.ingestUrl}/devices/meter-http/telemetry`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: '{"values":{"flowRate":12}}',
      });
    expect((await post('Bearer wrong')).status).toBe(401);
    expect((await post(`Bearer ${secret}`)).status).toBe(202);
    expect(await latest('meter-http', 'flowRate')).toMatchObject({ value: 12, unit: 'L/h' });
  });

  it('turns smoke into an alert and a signed webhook, and keeps its timeline', async () => {
    const { secret: webhookSecret } = await api.call<{ secret: string }>('POST', '/api/v1/endpoints', {
      name: 'duty desk',
      url: desk.url,
    });
    const client = await connect('smoke-1', await register('smoke-1', 'fire-detector'));
    const raised = desk.next('alert.raised');
    await client.publishAsync('devices/smoke-1/telemetry', '{"values":{"fire":true}}', { qos: 1 });
    const { headers, body } = await raised;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const key = Buffer.from(webhookSecret.replace(/^whsec_/, ''), 'base64');
    const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    expect(String(headers['webhook-signature']).split(' ')).toContain(signature);

    const { items } = await api.call<{ items: { id: string; severity: string }[] }>(
      'GET',
      '/api/v1/alerts?status=open',
    );
    expect(items).toHaveLength(1);
    expect(items[0]?.severity).toBe('critical');
    const id = items[0]?.id;
    await api.call('POST', `/api/v1/alerts/${id}/acknowledge`, {});
    await api.call('POST', `/api/v1/alerts/${id}/clear`, { reason: 'drill 演练' });
    const alert = await api.call<{ status: string; timeline: { kind: string }[] }>('GET', `/api/v1/alerts/${id}`);
    expect(alert.status).toBe('cleared');
    expect(alert.timeline.map(({ kind }) => kind)).toEqual(['raised', 'acknowledged', 'cleared']);
  });

  it.each([
    ['not JSON', 'telemetry', 'plain text'],
    ['not an object', 'telemetry', '42'],
    ['NaN', 'telemetry', '{"values":{"flowRate":NaN}}'],
    ['a number beyond double', 'telemetry', '{"values":{"flowRate":1e309}}'],
    ['a broken frame for a decoder', 'up', Buffer.from('68105544332211003381161f90015634120000', 'hex')],
  ])('keeps %s as a dead letter with its reason', async (name, topic, payload) => {
    const id = `bad-${name.replaceAll(/\W/g, '-')}`.toLowerCase();
    const client = await connect(id, await register(id, 'water-meter-cjt188'));
    await client.publishAsync(`devices/${id}/${topic}`, payload, { qos: 1 });
    const letter = await eventually(async () => {
      const { items } = await api.call<{ items: { id: string; reason: string; detail: string }[] }>(
        'GET',
        `/api/v1/dead-letters?device=${id}`,
      );
      return items[0];
    }, `a dead letter of ${id}`);
    expect(letter.reason).toMatch(/^[a-z0-9_]+$/);
    expect(letter.detail.length).toBeGreaterThan(10);
    const replayed = await api.ask('POST', `/api/v1/dead-letters/${letter.id}/replay`, {});
    expect(replayed.status).toBeLessThan(300);
  });

  it.each([
    [0, 'a clock that starts at 1970'],
    [4_077_000_000_000, 'a clock in 2099'],
  ])('keeps a reading of time %d (%s) as clock_suspect, observed when received', async (time) => {
    const id = `clock-${time}`;
    const client = await connect(id, await register(id, 'water-meter'));
    await client.publishAsync(`devices/${id}/telemetry`, `{"time":${time},"values":{"flowRate":1}}`, { qos: 1 });
    const reading = await latest(id, 'flowRate');
    expect(reading.quality).toContain('clock_suspect');
    expect(Math.abs(Date.parse(reading.observedAt) - Date.now())).toBeLessThan(60_000);
  });

  it('refuses wrong credentials, and drops a publish to a foreign topic without harm to anybody', async () => {
    const secret = await register('intruder', 'water-meter');
    await expect(connect('intruder', 'wrong')).rejects.toThrow(/not authori[sz]ed|bad user ?name/i);
    const client = await connect('intruder', secret);
    client.on('error', () => {});
    await Promise.race([
      client.publishAsync('devices/meter-1/telemetry', '{"values":{"flowRate":999}}', { qos: 1 }),
      new Promise<void>((resolve) => {
        client.once('close', () => resolve());
      }),
    ]).catch(() => {});
    const { readings } = await api.call<LatestView>('GET', '/api/v1/devices/meter-1/readings/latest');
    expect(readings.find(({ metric }) => metric === 'flowRate')).toBeUndefined();
  });

  it('answers an unknown field and bad values with what is wrong and where', async () => {
    const answer = await api.ask<{ code: string; errors: { field: string }[] }>('POST', '/api/v1/devices', {
      id: 'x y',
      name: 'x',
      productId: 'water-meter',
      colour: 'red',
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.code).toBe('validation_failed');
    expect(answer.body.errors.map(({ field }) => field).sort()).toEqual(['colour', 'id']);
  });

  it('goes on from where it stopped', async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    expect(await platform.stop()).toBe(0);
    expect(platform.output()).not.toContain('Warning:');
    await platform.start();
    api = await ApiClient.logIn(platform);
    expect(await latest('meter-1', 'metering.water.total')).toMatchObject({ value: 15230.5 });
    const { items } = await api.call<{ items: unknown[] }>('GET', '/api/v1/alerts?status=cleared');
    expect(items.length).toBeGreaterThan(0);
  }, 120_000);
});
