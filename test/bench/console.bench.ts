import { runMqttLoad } from '../../devices-sim/load/mqtt-load.js';
import type { ConsoleWindow } from '../browser/console-browser.js';
import { adminPassword, ConsoleScene } from '../browser/console-scene.js';
import { registerDevices } from './bystanders.js';
import { framesOf, watchFrames } from './frames.js';
import { quantile, round } from './statistics.js';

/** What the benchmark of the console is asked to do. */
export interface ConsoleBenchOptions {
  /** The page that is left open. */
  page: string;
  seconds: number;
  devices: number;
  ratePerSecond: number;
  say: (text: string) => void;
}

const coldLoads = 5;
const restMs = 3_000;
const settleMs = 20_000;
/** Detectors that alarm one after the other, and how long that may take. */
const alarms = 30;
const alarmsMs = 30_000;
const mebibyte = 1_048_576;

/**
 * How soon the console can be used after a cold load, and what a page left open under live updates costs: its heap after
 * a collection at the beginning and the end, and its longest frames; and how soon a smoke alarm stands in the inbox.
 */
export async function benchConsole(options: ConsoleBenchOptions): Promise<Record<string, unknown>> {
  const { say } = options;
  const scene = await ConsoleScene.start();
  try {
    await (await scene.firstLogIn('en')).close();
    const loads: ColdLoad[] = [];
    for (let load = 0; load < coldLoads; load += 1) loads.push(await coldLoad(scene));
    const usableMs = loads.map((load) => load.usableMs).sort((a, b) => a - b);
    const scriptKiB = round((loads[0]?.scriptBytes ?? 0) / 1_024);
    say(`usable after ${usableMs.join(', ')} ms, with ${scriptKiB} KiB of scripts`);
    return { usableMs, scriptKiB, ...(await leaveOpen(scene, options)) };
  } finally {
    await scene.stop();
  }
}

interface ColdLoad {
  usableMs: number;
  scriptBytes: number;
}

/** From the address to the first page with what it shows, in a browser that has nothing of it yet; logged in before. */
async function coldLoad(scene: ConsoleScene): Promise<ColdLoad> {
  const window = await scene.browser.open(scene.platform.url, { language: 'en' });
  await window.logIn('admin', adminPassword);
  const session = await window.page.evaluate<string>('sessionStorage.getItem("citysense.session")');
  await window.close();
  const cold = await scene.browser.open(scene.platform.url, { language: 'en' });
  await cold.page.addInitScript(`sessionStorage.setItem("citysense.session", ${JSON.stringify(session)})`);
  // The window before is still being taken down: that is no part of a load.
  await pause(restMs);
  const started = performance.now();
  await cold.page.goto('/');
  await cold.settle();
  const load = { usableMs: Math.round(performance.now() - started), scriptBytes: cold.scriptBytes() };
  await cold.close();
  return load;
}

async function leaveOpen(scene: ConsoleScene, options: ConsoleBenchOptions): Promise<Record<string, unknown>> {
  const { page: path, seconds, ratePerSecond, say } = options;
  const devices = await registerDevices(scene.api, 'live', options.devices, 'water-meter');
  const load = runMqttLoad({
    host: '127.0.0.1',
    port: scene.platform.listening.mqttPort,
    devices,
    window: 1,
    qos: 1,
    durationMs: seconds * 1_000 + settleMs + alarmsMs,
    ratePerSecond,
    payload: (_device, sequence) => JSON.stringify({ seq: sequence, values: { 'metering.water.total': sequence } }),
  });
  const window = await scene.browser.open(scene.platform.url, { language: 'en' });
  // On duty: a session that nobody clicks in would end after a quarter of an hour.
  await window.page.addInitScript(`localStorage.setItem('citysense.duty', 'on')`);
  await window.logIn('admin', adminPassword);
  await window.visit(path);
  await pause(settleMs);
  const heaps = [await window.heapBytes()];
  await watchFrames(window.page);
  let frames: Record<string, number> = {};
  for (let minute = 0; minute * 60 < seconds; minute += 1) {
    await pause(Math.min(60, seconds - minute * 60) * 1_000);
    heaps.push(await window.heapBytes());
    frames = await framesOf(window.page);
    const { frameMsP50, frameMsP99, frameMsMax } = frames;
    say(
      `after ${minute + 1} min: heap ${inMebibytes(heaps.at(-1))} MiB, frames ${frameMsP50}/${frameMsP99}/${frameMsMax} ms (p50/p99/max)`,
    );
  }
  if (new URL(window.page.url()).pathname !== path) throw new Error(`the page went to ${window.page.url()}`);
  say(`${alarms} smoke alarms under the same load`);
  const alarmMs = await timeAlarms(scene, window);
  const { acknowledged, elapsedMs } = await load;
  return {
    page: path,
    seconds,
    updatesPerSecond: round(acknowledged / (elapsedMs / 1_000)),
    heapMiB: heaps.map(inMebibytes),
    ...frames,
    alarmMsP50: Math.round(quantile(alarmMs, 0.5)),
    alarmMsMax: Math.round(Math.max(...alarmMs)),
    faults: window.faults,
  };
}

const inMebibytes = (bytes = 0) => round(bytes / mebibyte);

/** From each detector's publish until its alarm can be seen in the inbox, which was open before. */
async function timeAlarms(scene: ConsoleScene, window: ConsoleWindow): Promise<number[]> {
  // Nobody has asked anything by it since the page was opened.
  await scene.renewApi();
  await window.visit('/alerts');
  const taken: number[] = [];
  for (let number = 1; number <= alarms; number += 1) {
    const detector = await scene.device(`alarming-${number}`, 'fire-detector');
    const row = window.page.locator('.el-table__row', { hasText: detector.id }).first();
    const started = performance.now();
    void detector.tell({ fire: true, alarmKind: 'smoke', alarmPhase: 'alarm' });
    await row.waitFor();
    taken.push(performance.now() - started);
  }
  return taken;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
