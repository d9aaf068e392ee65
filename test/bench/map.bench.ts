import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { adminPassword, ConsoleScene } from '../browser/console-scene.js';
import type { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { framesOf, watchFrames } from './frames.js';
import { round } from './statistics.js';

/** What the benchmark of the map is asked to do. */
export interface MapBenchOptions {
  devices: number;
  /** How long the map is dragged, each time. */
  seconds: number;
  say: (text: string) => void;
}

const perBatch = 1_000;
const devicesPerPlace = 4;
const areas = ['520302', '520303', '520304', '520322', '520323', '520327'];
const products = ['water-meter', 'parking-sensor', 'fire-detector'];
/** An area that no device lies in: what an empty map takes is the browser's own. */
const nowhere = '990000';
const drawnWithinMs = 120_000;

/** What it costs to show a whole city: what the API answers, and the map in a browser, dragged at rest and under change. */
export async function benchMap({ devices, seconds, say }: MapBenchOptions): Promise<Record<string, unknown>> {
  const scene = await ConsoleScene.start({ HTTP_RATE_PER_ADDRESS: '1000000', HTTP_RATE_PER_TOKEN: '1000000' });
  try {
    await (await scene.firstLogIn('en')).close();
    const { api, platform } = scene;
    await registerCity(api, devices, say);
    const known = async () => {
      const { devices: counted } = await api.call<{ devices?: { total: number } }>('GET', '/api/v1/overview');
      return (counted?.total ?? 0) >= devices ? true : undefined;
    };
    await eventually(known, `${devices} devices on the map`, 60_000);
    const login = { login: 'admin', password: adminPassword };
    const { token } = await api.call<{ token: string }>('POST', '/api/v1/sessions', login);
    const answers = await askMap(`${platform.url}/api/v1/map/devices`, token);
    return { devices, ...answers, ...(await watchMap(scene, devices, seconds, say)) };
  } finally {
    await scene.stop();
  }
}

/** A city of clustered streets: four devices at each place. */
async function registerCity(api: ApiClient, devices: number, say: (text: string) => void): Promise<void> {
  for (let from = 0; from < devices; from += perBatch * devicesPerPlace) {
    const here = Math.min(perBatch * devicesPerPlace, devices - from);
    const installations = Array.from({ length: Math.ceil(here / devicesPerPlace) }, (_, n) => placeOf(from + n));
    const { ids } = await api.call<{ ids: string[] }>('POST', '/api/v1/installations/batch', { installations });
    for (let at = 0; at < here; at += perBatch) {
      const some = Array.from({ length: Math.min(perBatch, here - at) }, (_, n) => ({
        id: deviceId(from + at + n),
        name: `设备 ${from + at + n}`,
        productId: products[(from + at + n) % products.length],
        installationId: ids[Math.floor((at + n) / devicesPerPlace)],
      }));
      await api.call('POST', '/api/v1/devices/batch', { devices: some });
    }
    say(`${from + here} devices registered`);
  }
}

function deviceId(number: number): string {
  return `bench-${number}`;
}

function placeOf(seed: number) {
  const spread = (step: number) => ((seed * step) % 1_000_003) / 1_000_003;
  // Two draws added up lie closer to the middle, as a city does.
  const longitude = 106.7 + (spread(7_919) + spread(104_729)) * 0.25;
  const latitude = 27.5 + (spread(485_819) + spread(452_411)) * 0.2;
  const areaCode = areas[Math.floor(longitude * 12) % areas.length];
  return { name: `place ${seed}`, areaCode, position: { longitude, latitude } };
}

async function askMap(url: string, token: string): Promise<Record<string, number>> {
  const first = await ask(url, token);
  const again = await ask(url, token);
  const unchanged = await ask(url, token, { 'if-none-match': again.etag });
  if (unchanged.status !== 304) throw new Error(`an unchanged map was answered with ${unchanged.status}`);
  return {
    mapFirstMs: Math.round(first.ms),
    mapAgainMs: Math.round(again.ms),
    mapUnchangedMs: Math.round(unchanged.ms),
    mapGzipKiB: Math.round(first.body.length / 1_024),
    mapJsonKiB: Math.round(gunzipSync(first.body).length / 1_024),
  };
}

/** By the bare client, which leaves what is compressed as it came. */
async function ask(url: string, token: string, more: Record<string, string> = {}) {
  const began = performance.now();
  const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip', ...more };
  return new Promise<{ status: number; ms: number; etag: string; body: Buffer }>((resolve, reject) => {
    request(url, { headers }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () => {
        const { statusCode: status = 0, headers: answered } = answer;
        resolve({ status, ms: performance.now() - began, etag: answered.etag ?? '', body: Buffer.concat(pieces) });
      });
    })
      .on('error', reject)
      .end();
  });
}

async function watchMap(
  scene: ConsoleScene,
  devices: number,
  seconds: number,
  say: (text: string) => void,
): Promise<Record<string, unknown>> {
  const window = await scene.browser.open(scene.platform.url, { language: 'zh-CN' });
  await window.logIn('admin', adminPassword);
  say('the map page');
  const began = performance.now();
  await window.page.goto('/map');
  await window.page.locator('[data-drawn="true"]').waitFor({ timeout: drawnWithinMs });
  const drawnMs = Math.round(performance.now() - began);
  say(`drawn after ${drawnMs} ms; dragged at rest`);
  const atRest = await drag(window.page, seconds);
  say('dragged while devices change');
  const changing = changeSome(scene.api, devices, seconds);
  const whileChanging = await drag(window.page, seconds);
  const changesPerSecond = round((await changing) / seconds);
  const heapMiB = round((await window.heapBytes()) / 1_048_576);
  say('dragged with nothing on it');
  await window.visit(`/map?area=${nowhere}`);
  const empty = await drag(window.page, seconds);
  return { drawnMs, empty, atRest, whileChanging, changesPerSecond, heapMiB, faults: window.faults };
}

/**
 * Frames while a hand drags the map to and fro, and turns the wheel now and then; and the share of the time that scripts
 * had the page's thread: without a graphics card, most of a frame is spent on drawing it, on other threads.
 */
async function drag(page: Page, seconds: number): Promise<Record<string, number>> {
  const box = await page.locator('.maplibregl-canvas').boundingBox();
  if (!box) throw new Error('the map has no canvas');
  const [middleX, middleY] = [box.x + box.width / 2, box.y + box.height / 2];
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const scriptSeconds = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? Number.NaN;
  };
  await watchFrames(page);
  const [began, scriptBefore] = [performance.now(), await scriptSeconds()];
  const until = performance.now() + seconds * 1_000;
  for (let turn = 0; performance.now() < until; turn += 1) {
    const way = turn % 2 === 0 ? 1 : -1;
    await page.mouse.move(middleX, middleY);
    await page.mouse.down();
    for (let step = 1; step <= 20; step += 1) {
      await page.mouse.move(middleX + way * step * 12, middleY + way * step * 5);
    }
    await page.mouse.up();
    if (turn % 4 === 3) await page.mouse.wheel(0, turn % 8 === 3 ? -240 : 240);
  }
  const scriptShare = round(((await scriptSeconds()) - scriptBefore) / ((performance.now() - began) / 1_000));
  await session.detach();
  return { ...(await framesOf(page)), scriptShare };
}

/** Switches devices off, as fast as the API takes it. Returns how many changes there were. */
async function changeSome(api: ApiClient, devices: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1_000;
  let changes = 0;
  while (performance.now() < until) {
    await api.call('POST', `/api/v1/devices/${deviceId((changes * 7_919) % devices)}/disable`);
    changes += 1;
  }
  return changes;
}
