import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { browserOffer } from '#libs/runtime/testing';
import type { ConsoleWindow, Language } from './console-browser.js';
import { administratorsPages } from './console-pages.js';
import { adminPassword, ConsoleScene } from './console-scene.js';

/** Every page in both languages as a picture in screenshots/, and the two of the README, small, in docs/. */
const folder = 'screenshots';
const pictures = [
  { page: 'overview', language: 'en', file: join('docs', 'console-overview.webp') },
  { page: 'alerts', language: 'zh-CN', file: join('docs', 'console-alerts.webp') },
];
const languages: readonly Language[] = ['zh-CN', 'en'];

const offer = browserOffer();
if (!offer.available) {
  process.stderr.write(`No screenshots without a browser: ${offer.title}\n`);
  process.exit(1);
}
if (spawnSync('fc-list', [':lang=zh']).stdout?.length === 0) {
  process.stderr.write('No font here has Chinese: it will be boxes. Install one, such as fonts-noto-cjk.\n');
}
const scene = await ConsoleScene.start();
try {
  await (await scene.firstLogIn('en')).close();
  const [meter, detector] = [
    await scene.device('meter-jiefang-12', 'water-meter'),
    await scene.device('smoke-library-3', 'fire-detector'),
  ];
  await Promise.all([
    scene.furnish(),
    scene.simulate('--devices', '240', '--scenario', 'burst', '--scenario', 'fire-lane'),
    meter.tell('{"values": '),
    detector.tell({ fire: true, alarmKind: 'smoke', alarmPhase: 'alarm' }),
  ]);
  for (const language of languages) await shoot(language);
} finally {
  await scene.stop();
}

async function shoot(language: Language): Promise<void> {
  const window = await scene.browser.open(scene.platform.url, { language });
  await window.logIn('admin', adminPassword);
  mkdirSync(join(folder, language), { recursive: true });
  for (const { name, path } of await administratorsPages(scene.api)) {
    await window.visit(path);
    // Charts and the map draw what has come a moment after it has come.
    await window.page.waitForTimeout(1_000);
    await window.page.screenshot({ path: join(folder, language, `${name}.png`) });
    const picture = pictures.find((one) => one.page === name && one.language === language);
    if (picture) writeFileSync(picture.file, await smallPicture(window));
  }
  if (window.faults.length > 0) process.stderr.write(`${language}: ${window.faults.join('\n')}\n`);
  await window.close();
}

/** The window as WebP of half the pixels, encoded by the browser itself. */
async function smallPicture(window: ConsoleWindow): Promise<Buffer> {
  return scene.browser.asWebp(await window.page.screenshot(), 0.7, 0.8);
}
