import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const readingsConfig = defineConfig('readings', {
  rebuild: setting.choice(
    'READINGS_REBUILD',
    ['missing', 'all'],
    'missing',
    'What is stored again from the readings stream at start: what is missing, or all (the store is emptied first: what the stream no longer keeps is gone).',
  ),
  feedClients: setting.integer(
    'READINGS_FEED_CLIENTS',
    100,
    'Most live streams of readings open at a time.',
    1,
    10_000,
  ),
  feedBufferBytes: setting.integer(
    'READINGS_FEED_BUFFER_BYTES',
    262_144,
    'Bytes that may wait for one reader of a live stream; readings beyond are skipped, and it is told how many.',
    4_096,
  ),
  feedHeartbeatMs: setting.integer(
    'READINGS_FEED_HEARTBEAT_MS',
    15_000,
    'Longest silence of a live stream, in milliseconds.',
    1_000,
    120_000,
  ),
});
export type ReadingsConfig = ConfigOf<typeof readingsConfig>;
