import { invalid, PlatformError } from '#libs/runtime';

/** 503 while the devices are still being read. */
export const fleetLoading = (devices: number): PlatformError =>
  new PlatformError(
    503,
    'fleet_loading',
    `The devices are still being read (${devices} so far). Try again in a moment.`,
    {},
    { 'retry-after': '1' },
  );

/** 503 where too many live streams are open. */
export const streamsFull = (limit: number): PlatformError =>
  new PlatformError(
    503,
    'feed_full',
    `${limit} live streams are open, the most there may be. Try again later.`,
    {},
    { 'retry-after': '10' },
  );

/** 400 where a map would hold too many devices. */
export const mapTooLarge = (limit: number): PlatformError =>
  invalid(
    'map_too_large',
    `More than ${limit} devices have a position here. Narrow it by \`product\` or \`area\`, or raise OVERVIEW_MAP_DEVICES.`,
  );
