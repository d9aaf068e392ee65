import { freePort } from '#libs/runtime/testing';
import { ApiClient } from '../platform/api-client.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { countStored } from '../platform/stored-count.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { AlarmingDetector } from './alarms.js';
import { FaultFleet } from './fleet.js';
import { pause, register, settle, untilShown } from './promised-work.js';

const pauseBetweenReadingsMs = 20;
const aliveForMs = { least: 500, most: 4_000 };
const dyingStartMs = 5_000;

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
    const fleet = new FaultFleet([platform.mqttUrl], meters, pauseBetweenReadingsMs);
    const alarming = new AlarmingDetector([platform.mqttUrl], detector.id, detector.secret);
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
