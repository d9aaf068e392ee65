import { freePort } from '#libs/runtime/testing';
import { ApiClient } from '../platform/api-client.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { countStored } from '../platform/stored-count.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { AlarmingDetector } from './alarms.js';
import { FaultFleet, type Promised } from './fleet.js';

const pauseBetweenReadingsMs = 20;
const aliveForMs = { least: 500, most: 4_000 };
const dyingStartMs = 5_000;
const settleTimeoutMs = 120_000;

/** How hard the platform is tried. */
export interface FaultOptions {
  cycles: number;
  devices: number;
  say: (text: string) => void;
}

/** What came of it: every `lost`, `duplicated`, `alertsLost` and `alertsRaisedTwice` must be 0. */
export interface FaultResult {
  cycles: number;
  acknowledged: number;
  lost: number;
  duplicated: number;
  alarms: number;
  alertsLost: number;
  /** Alarms of which more than one alert was opened. */
  alertsRaisedTwice: number;
  webhooks: number;
  slowestRestartMs: number;
}

/** Kills the platform at random moments under load, `cycles` times, then counts what it had promised. */
export async function runFaults({ cycles, devices, say }: FaultOptions): Promise<FaultResult> {
  const platform = await PlatformProcess.create({
    NOTIFIER_ALLOW_LOOPBACK: 'true',
    MQTT_PORT: String(await freePort()),
  });
  const desk = await WebhookDesk.open();
  try {
    await platform.start();
    const { meters, detector } = await register(platform, devices, desk.url);
    const fleet = new FaultFleet(platform.mqttUrl, meters, pauseBetweenReadingsMs);
    const alarming = new AlarmingDetector(platform.mqttUrl, detector.id, detector.secret);
    await fleet.start();
    await alarming.start();
    const slowestRestartMs = await killAndRestart(platform, cycles, say);
    await fleet.stop();
    await alarming.stop();
    const raised = await settle(desk, alarming.alarms, say);
    await untilShown(await ApiClient.logIn(platform), meters);
    await platform.stop();
    const promised = new Map(meters.map((meter) => [meter.id, [...meter.acknowledged]]));
    const { acknowledged, lost, duplicated } = await countStored(platform.dataDir, promised);
    return {
      cycles,
      acknowledged,
      lost,
      duplicated,
      alarms: alarming.alarms.length,
      alertsLost: alarming.alarms.filter((at) => !raised.has(at)).length,
      alertsRaisedTwice: [...raised.values()].filter((ids) => ids.size > 1).length,
      webhooks: desk.received.length,
      slowestRestartMs,
    };
  } finally {
    desk.stop();
    await platform.remove();
  }
}

async function killAndRestart(platform: PlatformProcess, cycles: number, say: (text: string) => void): Promise<number> {
  let slowest = 0;
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    const aliveMs = aliveForMs.least + Math.random() * (aliveForMs.most - aliveForMs.least);
    await pause(aliveMs);
    await platform.kill();
    // A start is a moment like any other.
    if (cycle % 3 === 0) await platform.killWhileStarting(Math.random() * dyingStartMs);
    const started = performance.now();
    await platform.start();
    const restartMs = Math.round(performance.now() - started);
    slowest = Math.max(slowest, restartMs);
    say(`cycle ${cycle} of ${cycles}: killed after ${Math.round(aliveMs)} ms, back in ${restartMs} ms`);
  }
  await pause(aliveForMs.most);
  return slowest;
}

async function register(platform: PlatformProcess, count: number, webhook: string) {
  const api = await ApiClient.logIn(platform);
  await api.call('POST', '/api/v1/endpoints', { name: 'faults', url: webhook });
  const rows = [
    ...Array.from({ length: count }, (_, index) => ({
      id: `fault-meter-${index}`,
      name: `meter ${index}`,
      productId: 'water-meter',
    })),
    { id: 'fault-detector', name: 'detector', productId: 'fire-detector' },
  ];
  const { results } = await api.call<{ results: { id: string; secret: string }[] }>('POST', '/api/v1/devices/batch', {
    devices: rows,
  });
  const meters: Promised[] = results
    .filter(({ id }) => id !== 'fault-detector')
    .map(({ id, secret }) => ({ id, secret, acknowledged: new Set<number>() }));
  const detector = results.find(({ id }) => id === 'fault-detector');
  if (!detector) throw new Error('the detector was not registered');
  return { meters, detector };
}

/** Waits until every alarm has arrived at the desk, or long enough; returns the events that raised one, by the alarm's time. */
async function settle(
  desk: WebhookDesk,
  alarms: readonly number[],
  say: (text: string) => void,
): Promise<Map<number, Set<string>>> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    const raised = raisedAt(desk);
    const arrived = alarms.filter((at) => raised.has(at)).length;
    if (arrived === alarms.length || Date.now() > deadline) {
      say(`${arrived} of ${alarms.length} alarms delivered`);
      return raised;
    }
    await pause(200);
  }
}

/** Waits until the last reading of every meter is shown, or long enough: what is not stored yet is not lost. */
async function untilShown(api: ApiClient, meters: readonly Promised[]): Promise<void> {
  const deadline = Date.now() + settleTimeoutMs;
  const path = `/api/v1/readings/latest?device=${meters.map(({ id }) => id).join(',')}`;
  for (;;) {
    const { items } = await api.call<{ items: { deviceId: string; readings: { seq: number | null }[] }[] }>(
      'GET',
      path,
    );
    const shown = new Map(items.map(({ deviceId, readings }) => [deviceId, readings[0]?.seq ?? 0]));
    if (meters.every(({ id, acknowledged }) => (shown.get(id) ?? 0) >= Math.max(0, ...acknowledged))) return;
    if (Date.now() > deadline) return;
    await pause(200);
  }
}

function raisedAt(desk: WebhookDesk): Map<number, Set<string>> {
  const raised = new Map<number, Set<string>>();
  for (const { event } of desk.received) {
    if (!event.type.endsWith('alert.raised')) continue;
    const at = Date.parse((event.data.alert as { firstAt: string }).firstAt);
    raised.set(at, (raised.get(at) ?? new Set()).add(event.id));
  }
  return raised;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
