import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { eventually } from '../platform/eventually.js';
import { type FlowDevice, type FlowPlatform, manyRoles, startFlowPlatform, TenantClient } from './flow-platform.js';

interface CommandAnswer {
  id: string;
  state: string;
  timeline: { state: string; at: string }[];
  reply: unknown;
}

/** What a device was sent. */
interface Received {
  topic: string;
  content: { id: string; command: string; parameters: object; expiresAt: string };
}

const quick = { COMMANDS_SWEEP_MS: '300', COMMANDS_CLAIM_SECONDS: '1', COMMANDS_OPEN_PER_DEVICE: '3' };
const newId = (kind: string) => `${kind}-${randomBytes(4).toString('hex')}`;
const open: MqttClient[] = [];

/** A device's connection that notes what it is sent. */
async function connect(url: string, options: IClientOptions, filter?: string) {
  const received: Received[] = [];
  const client = mqtt.connect(url, { reconnectPeriod: 0, protocolVersion: 4, ...options });
  open.push(client);
  client.on('message', (topic, payload) => received.push({ topic, content: JSON.parse(String(payload)) }));
  await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject));
  if (filter) await client.subscribeAsync(filter, { qos: 1 });
  return { client, received };
}

const loginOf = ({ id, secret }: FlowDevice): IClientOptions => ({ clientId: id, username: id, password: secret });
const filterOf = ({ id }: FlowDevice) => `devices/${id}/commands/+`;

async function stateOf(owner: TenantClient, device: FlowDevice, id: string): Promise<CommandAnswer> {
  return owner.call<CommandAnswer>('GET', `/devices/${device.id}/commands/${id}`);
}

async function reaches(owner: TenantClient, device: FlowDevice, id: string, state: string): Promise<CommandAnswer> {
  return eventually(async () => {
    const command = await stateOf(owner, device, id);
    return command.state === state ? command : undefined;
  }, `the command ${id} to be ${state}`);
}

function send(owner: TenantClient, device: FlowDevice, body: object = { command: 'readNow' }): Promise<CommandAnswer> {
  return owner.call<CommandAnswer>('POST', `/devices/${device.id}/commands`, body);
}

afterAll(async () => {
  for (const client of open) await client.endAsync(true);
});

describe('commands to devices that connect to our broker', () => {
  let platform: FlowPlatform;
  let owner: TenantClient;

  beforeAll(async () => {
    platform = await startFlowPlatform(quick);
    owner = new TenantClient(platform.api, await platform.api.createTenant('commander', manyRoles));
  }, 120_000);
  afterAll(() => platform?.stop(), 60_000);

  const meter = () => owner.register(newId('meter'), 'water-meter');

  it('reach a connected device at once, and its reply comes back', async () => {
    const device = await meter();
    const { client, received } = await connect(platform.mqttUrl, loginOf(device), filterOf(device));
    const parameters = { position: 'closed', reason: 'leak' };
    const sent = await send(owner, device, { command: 'setValve', parameters, expiresInSeconds: 600 });
    expect(sent.state).toBe('queued');
    await reaches(owner, device, sent.id, 'acknowledged');
    expect(received).toEqual([
      {
        topic: `devices/${device.id}/commands/${sent.id}`,
        content: { id: sent.id, command: 'setValve', parameters, expiresAt: expect.any(String) },
      },
    ]);
    await client.publishAsync(`devices/${device.id}/commands/${sent.id}/reply`, '{"position":"closed"}', { qos: 1 });
    const { timeline, reply } = await reaches(owner, device, sent.id, 'replied');
    expect(reply).toEqual({ position: 'closed' });
    expect(timeline.map(({ state }) => state)).toEqual(['queued', 'sent', 'acknowledged', 'replied']);
    // The reply is a frame of the device too.
    const frames = await owner.call<{ items: object[] }>('GET', `/devices/${device.id}/frames`);
    expect(frames.items.length).toBeGreaterThan(0);
  });

  it('wait for a device that is away, each once, in order; what was called back or is too old does not come', async () => {
    const device = await meter();
    const first = await send(owner, device);
    const second = await send(owner, device, { command: 'clearTamper' });
    const cancelled = await send(owner, device);
    expect(await owner.status('DELETE', `/devices/${device.id}/commands/${cancelled.id}`)).toBe(204);
    expect((await stateOf(owner, device, cancelled.id)).timeline.map(({ state }) => state)).toEqual([
      'queued',
      'cancelled',
    ]);
    const old = await send(owner, device, { command: 'readNow', expiresInSeconds: 1 });
    await reaches(owner, device, old.id, 'expired');
    // Without a subscription there is nobody to tell.
    const { client, received } = await connect(platform.mqttUrl, loginOf(device));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await stateOf(owner, device, first.id)).state).toBe('queued');
    await client.subscribeAsync(`devices/${device.id}/commands/#`, { qos: 1 });
    await reaches(owner, device, first.id, 'acknowledged');
    await reaches(owner, device, second.id, 'acknowledged');
    expect(received.map(({ content }) => content.id)).toEqual([first.id, second.id]);
    expect(await owner.status('DELETE', `/devices/${device.id}/commands/${first.id}`)).toBe(409);
    const listed = await owner.call<{ items: CommandAnswer[] }>(
      'GET',
      `/devices/${device.id}/commands?state=acknowledged`,
    );
    expect(listed.items.map(({ id }) => id)).toEqual([second.id, first.id]);
  });

  it('come again, under the same id, where the device did not acknowledge; not where it did', async () => {
    const device = await meter();
    const { id } = await send(owner, device);
    const deaf = mqtt.connect(platform.mqttUrl, {
      ...loginOf(device),
      reconnectPeriod: 0,
      protocolVersion: 4,
      clean: false,
    });
    open.push(deaf);
    let heard = 0;
    deaf.handleMessage = () => {
      heard++;
    };
    await new Promise((resolve) => deaf.once('connect', resolve));
    await deaf.subscribeAsync(filterOf(device), { qos: 1 });
    await eventually(async () => heard === 1 || undefined, 'the command');
    await reaches(owner, device, id, 'sent');
    await deaf.endAsync(true);
    // Its session remembers what it subscribed to.
    const again = await connect(platform.mqttUrl, { ...loginOf(device), clean: false });
    await reaches(owner, device, id, 'acknowledged');
    await again.client.endAsync();
    const last = await connect(platform.mqttUrl, { ...loginOf(device), clean: false });
    const next = await send(owner, device);
    await reaches(owner, device, next.id, 'acknowledged');
    expect([...again.received, ...last.received].map(({ content }) => content.id)).toEqual([id, next.id]);
  });

  it('go through the gateway device in front, and its reply for the child comes back', async () => {
    const front = await meter();
    const child = await owner.register(newId('child'), 'water-meter', { gatewayId: front.id });
    const { client, received } = await connect(
      platform.mqttUrl,
      loginOf(front),
      `devices/${front.id}/children/+/commands/+`,
    );
    const { id } = await send(owner, child);
    await reaches(owner, child, id, 'acknowledged');
    const topic = `devices/${front.id}/children/${child.id}/commands/${id}`;
    expect(received.map((one) => one.topic)).toEqual([topic]);
    await client.publishAsync(`${topic}/reply`, '{"error":"no radio"}', { qos: 1 });
    const { reply, timeline } = await reaches(owner, child, id, 'failed');
    expect(reply).toEqual({ error: 'no radio' });
    expect(timeline.at(-1)?.state).toBe('failed');
  });

  it('must be commands that the product knows, and not too many', async () => {
    const device = await meter();
    const path = `/devices/${device.id}/commands`;
    for (const body of [
      { command: 'explode' },
      { command: 'setValve', parameters: { position: 'ajar', reason: '' } },
      { command: 'readNow', parameters: { now: true } },
      { command: 'readNow', expiresInSeconds: 0 },
      { command: 'readNow', expiresInSeconds: 10_000_000 },
    ]) {
      expect([body, await owner.status('POST', path, body)]).toEqual([body, 400]);
    }
    for (let n = 0; n < 3; n++) await send(owner, device);
    expect(await owner.status('POST', path, { command: 'readNow' })).toBe(429);
    const disabled = await meter();
    await owner.call('POST', `/devices/${disabled.id}/disable`);
    expect(await owner.status('POST', `/devices/${disabled.id}/commands`, { command: 'readNow' })).toBe(409);
  });

  it('turns a reply to what was never sent into a dead letter', async () => {
    const device = await meter();
    const { client } = await connect(platform.mqttUrl, loginOf(device));
    for (const id of ['17', '01a21cf8-1eb9-7353-9014-8507951633b2']) {
      await client.publishAsync(`devices/${device.id}/commands/${id}/reply`, 'done', { qos: 1 });
    }
    await eventually(async () => {
      const { items } = await owner.call<{ items: { reason: string }[] }>('GET', `/dead-letters?device=${device.id}`);
      return items.filter(({ reason }) => reason === 'reply_without_command').length === 2 || undefined;
    }, 'two dead letters');
  });
});

const offer = serverOffer('mosquitto');
(offer.available ? describe : describe.skip)(`commands to devices behind a bridge to ${offer.title}`, () => {
  let server: TestServer;
  let platform: FlowPlatform;
  let owner: TenantClient;

  beforeAll(async () => {
    server = await startServer('mosquitto');
    platform = await startFlowPlatform({
      ...quick,
      GATEWAY_MQTT: 'bridge',
      BRIDGE_URL: server.url,
      BRIDGE_CLIENT_ID: newId('bridge'),
      BRIDGE_CONNECTIONS: '2',
      BRIDGE_TOPIC_PREFIX: 'city/',
    });
    owner = new TenantClient(platform.api, await platform.api.createTenant('bridged', manyRoles));
  }, 120_000);
  afterAll(async () => {
    await platform?.stop();
    await server?.stop();
  }, 60_000);

  it('go out through the cluster, wait while nobody subscribes, and are replied to', async () => {
    const device = await owner.register(newId('meter'), 'water-meter');
    const waiting = await send(owner, device);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await stateOf(owner, device, waiting.id)).state).toBe('queued');
    const { client, received } = await connect(
      server.url,
      { clientId: device.id, protocolVersion: 5 },
      `city/${filterOf(device)}`,
    );
    await reaches(owner, device, waiting.id, 'sent');
    const live = await send(owner, device, { command: 'clearTamper' });
    await reaches(owner, device, live.id, 'sent');
    expect(received.map(({ topic }) => topic)).toEqual(
      [waiting.id, live.id].map((id) => `city/devices/${device.id}/commands/${id}`),
    );
    await client.publishAsync(`city/devices/${device.id}/commands/${live.id}/reply`, '{}', { qos: 1 });
    const { timeline } = await reaches(owner, device, live.id, 'replied');
    expect(timeline.map(({ state }) => state)).toEqual(['queued', 'sent', 'replied']);
  });
});
