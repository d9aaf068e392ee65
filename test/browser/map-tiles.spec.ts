import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { browserOffer } from '#libs/runtime/testing';
import { eventually } from '../platform/eventually.js';
import { ConsoleScene } from './console-scene.js';

const offer = browserOffer();
/** One grey pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';

(offer.available ? describe : describe.skip)(`the map upon tiles of others in ${offer.title}`, () => {
  let scene: ConsoleScene;
  let tiles: Server;
  let origin: string;
  const asked: string[] = [];

  beforeAll(async () => {
    tiles = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('access-control-allow-origin', '*').setHeader('content-type', 'image/png');
      response.end(Buffer.from(png, 'base64'));
    }).listen(0, '127.0.0.1');
    await once(tiles, 'listening');
    origin = `http://127.0.0.1:${(tiles.address() as AddressInfo).port}`;
    scene = await ConsoleScene.start({ CONSOLE_MAP_URL: `${origin}/vec/{z}/{x}/{y}.png?tk=a-key` });
  }, 120_000);
  afterAll(async () => {
    await scene?.stop();
    tiles.closeAllConnections();
    tiles.close();
  }, 60_000);

  it('asks the one origin of the setting for tiles, and nobody else for anything', async () => {
    const window = await scene.firstLogIn('zh-CN');
    const { id } = await scene.api.call<{ id: string }>('POST', '/api/v1/installations', {
      name: '遵义会议会址',
      areaCode: '520302',
      position: { longitude: 106.918, latitude: 27.694 },
    });
    await scene.api.call('POST', '/api/v1/devices', {
      id: 'tile-meter',
      name: '水表',
      productId: 'water-meter',
      installationId: id,
    });
    await window.visit('/map');
    await window.page.locator('[data-drawn="true"]').waitFor();
    await eventually(async () => asked.find((path) => /^\/vec\/\d+\/\d+\/\d+\.png\?tk=a-key$/.test(path)), 'a tile');
    const others = window.faults.filter((fault) => !fault.startsWith(`left for ${origin}/`));
    expect(others).toEqual([]);
    await window.close();
  }, 60_000);
});
