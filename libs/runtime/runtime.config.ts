import { type ConfigOf, defineConfig, setting } from './config.js';

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
});
export type RuntimeConfig = ConfigOf<typeof runtimeConfig>;
