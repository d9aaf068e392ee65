import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { ServerOffer } from './test-server.js';
import { findProgram } from './where.js';

/** Whether a browser can be had here, how a test is to name it, and where its program is. */
export interface BrowserOffer extends ServerOffer {
  /** '' where there is none. */
  path: string;
}

const commands = ['chromium', 'chromium-browser', 'google-chrome'];

let offer: BrowserOffer | undefined;

/** Says which Chromium the console is tested in: the program that CHROMIUM_PATH names, or one that is installed. */
export function browserOffer(): BrowserOffer {
  offer ??= lookForBrowser();
  return offer;
}

function lookForBrowser(): BrowserOffer {
  const given = process.env.CHROMIUM_PATH;
  const path = given || commands.map(findProgram).find((found) => found !== undefined);
  if (path && existsSync(path)) {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
    return { available: true, path, title: `Chromium ${/\d+\.\d+\.\d+/.exec(stdout ?? '')?.[0] ?? ''}`.trim() };
  }
  const reason = given
    ? `CHROMIUM_PATH names no file: ${given}`
    : `no CHROMIUM_PATH, no program ${commands.join(', ')}`;
  return { available: false, path: '', title: `Chromium (skipped: ${reason})` };
}
