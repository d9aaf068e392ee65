import mqtt, { type MqttClient } from 'mqtt';
import type { LoadDevice } from '../../devices-sim/load/mqtt-load.js';
import { ApiClient } from '../platform/api-client.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import type { BenchedPlatform } from './benched-platform.js';
import { quantile, round } from './statistics.js';

/** Everybody who has something to do with the platform while it is under load. */
export interface Bystanders {
  meters: LoadDevice[];
  /** A meter whose every reading is asked for at once. */
  probe: LoadDevice;
  /** A detector that alarms now and then. */
  detector: LoadDevice;
  desk: WebhookDesk;
  api: ApiClient;
}

const perBatch = 500;

/** Registers a fleet of meters, a probe and a detector through the REST API, and subscribes a webhook. */
export async function prepareFleet(platform: BenchedPlatform, meters: number): Promise<Bystanders> {
  const api = await ApiClient.logIn(platform);
  const desk = await WebhookDesk.open();
  await api.call('POST', '/api/v1/endpoints', { name: 'bench', url: desk.url });
  const [probe] = await registerDevices(api, 'probe', 1, 'water-meter');
  const [detector] = await registerDevices(api, 'detector', 1, 'fire-detector');
  if (!probe || !detector) throw new Error('the probe devices were not registered');
  return { meters: await registerDevices(api, 'meter', meters, 'water-meter'), probe, detector, desk, api };
}

/** Registers `count` devices named `<prefix>-<n>` and returns their credentials. */
export async function registerDevices(
  api: ApiClient,
  prefix: string,
  count: number,
  productId: string,
): Promise<LoadDevice[]> {
  const registered: LoadDevice[] = [];
  for (let from = 0; from < count; from += perBatch) {
    const devices = Array.from({ length: Math.min(perBatch, count - from) }, (_, index) => ({
      id: `${prefix}-${from + index}`,
      name: `${prefix} ${from + index}`,
      productId,
    }));
    const { results } = await api.call<{ results: { id: string; secret: string }[] }>('POST', '/api/v1/devices/batch', {
      devices,
    });
    registered.push(...results.map(({ id, secret }) => ({ id, secret })));
  }
  return registered;
}

/** For `durationMs`: publishes probes and smoke alarms, and times them until they can be queried, or have arrived. */
export async function watchBystanders(
  platform: BenchedPlatform,
  { probe, detector, desk, api }: Bystanders,
  durationMs: number,
): Promise<Record<string, number>> {
  const until = performance.now() + durationMs;
  const queryable: number[] = [];
  const alarmed: number[] = [];
  await Promise.all([
    withClient(platform, probe, async (client) => {
      for (let seq = 1; performance.now() < until; seq += 1) {
        queryable.push(await timeUntilQueryable(api, client, probe.id, seq));
        await pause(100);
      }
    }),
    withClient(platform, detector, async (client) => {
      for (let seq = 1; performance.now() < until; seq += 2) {
        alarmed.push(await timeUntilWebhook(desk, client, detector.id, seq));
        const cleared = desk.next('alert.cleared');
        await client.publishAsync(`devices/${detector.id}/telemetry`, saying(seq + 1, { fire: false }), { qos: 1 });
        await cleared;
        await pause(100);
      }
    }),
  ]);
  return {
    queryableP50Ms: round(quantile(queryable, 0.5)),
    queryableP99Ms: round(quantile(queryable, 0.99)),
    queryableProbes: queryable.length,
    smokeToWebhookP50Ms: round(quantile(alarmed, 0.5)),
    smokeToWebhookP99Ms: round(quantile(alarmed, 0.99)),
    smokeAlarms: alarmed.length,
  };
}

async function timeUntilQueryable(api: ApiClient, client: MqttClient, id: string, seq: number): Promise<number> {
  const started = performance.now();
  void client.publishAsync(`devices/${id}/telemetry`, saying(seq, { flowRate: seq }), { qos: 1 });
  for (;;) {
    const { readings } = await api.call<{ readings: { metric: string; value: unknown }[] }>(
      'GET',
      `/api/v1/devices/${id}/readings/latest`,
    );
    if (readings.some((reading) => reading.metric === 'flowRate' && reading.value === seq)) {
      return performance.now() - started;
    }
    if (performance.now() - started > 60_000) throw new Error(`reading ${seq} of ${id} cannot be queried after 60 s`);
    await pause(10);
  }
}

async function timeUntilWebhook(desk: WebhookDesk, client: MqttClient, id: string, seq: number): Promise<number> {
  const arrived = desk.next('alert.raised');
  const started = performance.now();
  void client.publishAsync(`devices/${id}/telemetry`, saying(seq, { fire: true }), { qos: 1 });
  await arrived;
  return performance.now() - started;
}

async function withClient(
  platform: BenchedPlatform,
  device: LoadDevice,
  use: (client: MqttClient) => Promise<void>,
): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${platform.mqttPort}`, {
    clientId: device.id,
    username: device.id,
    password: device.secret,
    protocolVersion: 4,
  });
  try {
    await use(client);
  } finally {
    await client.endAsync();
  }
}

function saying(seq: number, values: Record<string, unknown>): string {
  return JSON.stringify({ time: Date.now(), seq, values });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
