import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const devicesConfig = defineConfig('devices-api', {
  secretOverlapMs: setting.integer(
    'DEVICES_SECRET_OVERLAP_MS',
    86_400_000,
    'How long a device may still use its old secret after a rotation, in milliseconds, unless the request says otherwise.',
    0,
    2_592_000_000,
  ),
});
export type DevicesConfig = ConfigOf<typeof devicesConfig>;
