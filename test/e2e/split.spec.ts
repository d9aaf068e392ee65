import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { AlarmingDetector } from '../faults/alarms.js';
import { FaultFleet, type Promised } from '../faults/fleet.js';
import { pause, raisedAt } from '../faults/promised-work.js';
import { ApiClient } from '../platform/api-client.js';
import { type Engines, enginesOffer, startEngines } from '../platform/engines.js';
import { eventually } from '../platform/eventually.js';
import { countOutOfOrder, countShown } from '../platform/shown-count.js';
import { SplitPlatform, type SplitProcess } from '../platform/split-platform.js';
import { WebhookDesk } from '../platform/webhook-desk.js';

const kinds = ['redis', 'postgresql', 'influxdb'] as const;
const offer = enginesOffer(kinds);

(offer.available ? describe : describe.skip)(`the main job, in processes on ${offer.title}`, () => {
  let engines: Engines;
  let platform: SplitPlatform;
  let api: ApiClient;
  let desk: WebhookDesk;
  const clients: MqttClient[] = [];
  const began = Date.now();

  beforeAll(async () => {
    engines = await startEngines(kinds);
    platform = await SplitPlatform.create(
      engines,
      { gateways: 2, pipelines: 2, notifiers: 2 },
      { NOTIFIER_ALLOW_LOOPBACK: 'true', STREAM_PARTITIONS: '16' },
    );
    desk = await WebhookDesk.open();
  }, 120_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    desk?.stop();
    await platform?.remove();
    await engines?.stop();
  }, 60_000);

  async function register(id: string, productId: string): Promise<string> {
    const { secret } = await api.call<{ secret: string }>('POST', '/api/v1/devices', { id, name: id, productId });
    return secret;
  }

  async function connect(gateway: number, id: string, secret: string): Promise<MqttClient> {
    const client = await mqtt.connectAsync(platform.mqttUrls[gateway] ?? '', {
      clientId: id,
      username: id,
      password: secret,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    clients.push(client);
    return client;
  }

  it('starts in any order, before its engines too: live at once, ready when it can work', async () => {
    for (const engine of engines.processes.values()) await engine.kill();
    for (const one of platform.processes) one.spawn();
    const unready = async (one: SplitProcess) => {
      const readiness = await eventually(() => one.readiness(), `an answer of ${one.name}`, 90_000);
      expect([one.name, (await fetch(`${one.healthUrl}/health/live`)).status]).toEqual([one.name, 200]);
      if (engines.processes.size > 0) {
        expect(readiness.ready).toBe(false);
        expect(readiness.checks.process?.detail).toMatch(/^starting/);
      }
    };
    await Promise.all(platform.processes.map(unready));
    for (const engine of [...engines.processes.values()].reverse()) await engine.start();
    await Promise.all(platform.processes.map((one) => one.untilReady()));
    api = await ApiClient.logIn(platform);
  }, 180_000);

  it('shows a reading that a device sent to either gateway', async () => {
    for (const gateway of [0, 1]) {
      const id = `meter-${gateway}`;
      const client = await connect(gateway, id, await register(id, 'water-meter'));
      await client.publishAsync(`devices/${id}/telemetry`, '{"values":{"metering.water.total":15230.5}}', { qos: 1 });
      const reading = await eventually(async () => {
        const path = `/api/v1/devices/${id}/readings/latest`;
        const { readings } = await api.call<{ readings: { metric: string; value: number; unit: string }[] }>(
          'GET',
          path,
        );
        return readings.find(({ metric }) => metric === 'metering.water.total');
      }, `the reading of ${id}`);
      expect(reading).toMatchObject({ value: 15230.5, unit: 'L' });
    }
  }, 60_000);

  it('decodes real CJ/T 188 bytes', async () => {
    const client = await connect(1, 'meter-cjt', await register('meter-cjt', 'water-meter-cjt188'));
    const frame = Buffer.from('68105544332211003381161f9001563412002c000012002c003008221126200000a816', 'hex');
    await client.publishAsync('devices/meter-cjt/up', frame, { qos: 1 });
    const total = await eventually(async () => {
      const path = '/api/v1/devices/meter-cjt/readings/latest';
      const { readings } = await api.call<{ readings: { metric: string; value: number }[] }>('GET', path);
      return readings.find(({ metric }) => metric === 'metering.water.total')?.value;
    }, 'the meter');
    expect(total).toBe(1_234_560);
  }, 60_000);

  /** The steps of a message's trace, once nothing of it is pending. */
  async function wayOf(messageId: string | undefined): Promise<string[]> {
    return await eventually(async () => {
      const { status, steps } = await api.call<{ status: string; steps: { step: string; status: string }[] }>(
        'GET',
        `/api/v1/messages/${messageId}/trace`,
      );
      return status === 'in_flight' ? undefined : steps.map((one) => `${one.step} ${one.status}`);
    }, `the end of ${messageId}`);
  }

  it('turns smoke into an alert and a signed webhook; acknowledging and clearing it arrive too', async () => {
    const endpoint = await api.call<{ secret: string }>('POST', '/api/v1/endpoints', {
      name: 'duty desk',
      url: desk.url,
    });
    const client = await connect(0, 'smoke-1', await register('smoke-1', 'fire-detector'));
    const raised = desk.next('alert.raised');
    await client.publishAsync('devices/smoke-1/telemetry', '{"values":{"fire":true}}', { qos: 1 });
    const { headers, body } = await raised;
    const key = Buffer.from(endpoint.secret.replace(/^whsec_/, ''), 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    expect(String(headers['webhook-signature']).split(' ')).toContain(signature);
    const { items } = await api.call<{ items: { id: string }[] }>('GET', '/api/v1/alerts?device=smoke-1');
    const id = items[0]?.id;
    const [acknowledged, cleared] = [desk.next('alert.acknowledged'), desk.next('alert.cleared')];
    await api.call('POST', `/api/v1/alerts/${id}/acknowledge`, {});
    await acknowledged;
    await api.call('POST', `/api/v1/alerts/${id}/clear`, { reason: 'drill 演练' });
    await cleared;
    const alert = await api.call<{ timeline: { kind: string; detail: { messageId?: string } }[] }>(
      'GET',
      `/api/v1/alerts/${id}`,
    );
    expect(alert.timeline.map(({ kind }) => kind)).toEqual(['raised', 'acknowledged', 'cleared']);
    expect(await wayOf(alert.timeline[0]?.detail.messageId)).toEqual([
      'received done',
      'acknowledged done',
      'normalised done',
      'stored done',
      'judged done',
      'alerted done',
      'notified done',
    ]);
  }, 90_000);

  it('shares the load, and restarts process by process without a loss, a double, or a stall over 10 s', async () => {
    const ids = Array.from({ length: 16 }, (_, n) => `rolling-${n}`);
    const meters: Promised[] = [];
    for (const id of ids) meters.push({ id, secret: await register(id, 'water-meter'), acknowledged: new Set() });
    const [here, there] = platform.mqttUrls as [string, string];
    const fleets = [
      new FaultFleet([here, there], meters.slice(0, 8), 60),
      new FaultFleet([there, here], meters.slice(8), 60),
    ];
    const detector = new AlarmingDetector([here, there], 'smoke-r', await register('smoke-r', 'fire-detector'));
    for (const fleet of fleets) await fleet.start();
    await detector.start();
    await pause(3_000);
    await bothWork();
    const from = performance.now();
    for (const one of platform.processes) {
      expect([one.name, await one.stop()]).toEqual([one.name, 0]);
      one.spawn();
      await one.untilReady();
      await pause(1_500);
    }
    for (const fleet of fleets) await fleet.stop();
    await detector.stop();
    expect(Math.max(...fleets.map(({ longestStallMs }) => longestStallMs))).toBeLessThan(10_000);
    const raised = await eventually(
      async () => {
        const found = raisedAt(desk);
        return detector.alarms.every((at) => found.has(at)) ? found : undefined;
      },
      'every alarm',
      60_000,
    );
    expect([...raised.values()].every((events) => events.size === 1)).toBe(true);
    const arrivals = desk.received.map(({ at }) => at).filter((at) => at >= from);
    const gaps = arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at));
    expect(Math.max(...gaps)).toBeLessThan(10_000);
    await untilDrained();
    const promised = new Map(meters.map(({ id, acknowledged }) => [id, [...acknowledged]]));
    const shown = await ApiClient.logIn(platform);
    const count = await countShown(shown, promised, began);
    expect(count).toEqual({ acknowledged: count.acknowledged, lost: 0, duplicated: 0 });
    expect(await countOutOfOrder(shown, promised.keys(), began)).toBe(0);
    expect(count.acknowledged).toBeGreaterThan(1_000);
  }, 600_000);

  it('drains and exits 0', async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    expect([...(await platform.stop()).values()].every((code) => code === 0)).toBe(true);
    for (const one of platform.processes) expect([one.name, one.output()]).not.toContain('Warning:');
  }, 60_000);

  /** Both gateways have acknowledged messages, and both pipelines have worked through entries. */
  async function bothWork(): Promise<void> {
    for (const [name, metric] of [
      ['gateway', 'gateway_acknowledged_total'],
      ['pipeline', 'stage_messages_in_total'],
    ] as const) {
      for (const number of [1, 2]) {
        const metrics = await (await fetch(`${platform.process(`${name}-${number}`).healthUrl}/metrics`)).text();
        const done = metrics.split('\n').filter((line) => line.startsWith(metric) && !/ 0$/.test(line));
        expect([name, number, done.length > 0]).toEqual([name, number, true]);
      }
    }
  }

  async function untilDrained(): Promise<void> {
    await eventually(
      async () => {
        const lines = (await platform.metrics()).split('\n').filter((line) => line.startsWith('stage_lag_entries'));
        return lines.every((line) => / 0$/.test(line)) || undefined;
      },
      'every stage',
      60_000,
    );
  }
});
