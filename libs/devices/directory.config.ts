import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const directoryConfig = defineConfig('devices', {
  pollMs: setting.integer(
    'DEVICES_POLL_MS',
    500,
    'How often changes of devices and products are fetched, in milliseconds.',
    10,
    60_000,
  ),
  pageRows: setting.integer(
    'DEVICES_PAGE_ROWS',
    5_000,
    'Devices fetched at once while the directory loads.',
    1,
    100_000,
  ),
  missHoldMs: setting.integer(
    'DEVICES_MISS_HOLD_MS',
    3_000,
    'After the registry was asked about an unknown device or a wrong secret, it is not asked again about the same id for this long, in milliseconds.',
    0,
    600_000,
  ),
  lookupsPerSecond: setting.integer(
    'DEVICES_LOOKUPS_PER_SECOND',
    100,
    'Most questions about single devices put to the registry each second; beyond it the directory answers from memory.',
    1,
    100_000,
  ),
  defaultIntervalMs: setting.integer(
    'DEVICES_DEFAULT_INTERVAL_MS',
    3_600_000,
    'Expected reporting interval of a device whose product names none, in milliseconds.',
    1_000,
    2_000_000_000,
  ),
});
export type DirectoryConfig = ConfigOf<typeof directoryConfig>;
