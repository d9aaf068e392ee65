import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { type ConfigOf, defineConfig, setting } from './config.js';

/** Node itself would only warn, and trust nobody more. */
const readableFile = z.string().refine(isReadable, { error: 'name a file that this process can read' }).optional();

export const runtimeConfig = defineConfig('runtime', {
  dataDir: setting.text('DATA_DIR', './data', 'Folder of the embedded engines and of what must survive a restart.'),
  logLevel: setting.choice(
    'LOG_LEVEL',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
    'How much is logged to standard output.',
  ),
  timeZone: setting.text(
    'PLATFORM_TIME_ZONE',
    'Asia/Shanghai',
    'IANA time zone of frames without a zone, of day roll-ups and of schedules.',
  ),
  extraAuthorities: {
    env: 'NODE_EXTRA_CA_CERTS',
    schema: readableFile,
    doc: 'File (PEM) with authorities of your own, trusted besides the public ones wherever this process connects over TLS.',
  },
});
export type RuntimeConfig = ConfigOf<typeof runtimeConfig>;

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
