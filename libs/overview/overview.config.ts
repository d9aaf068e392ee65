import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const overviewConfig = defineConfig('overview', {
  pollMs: setting.integer(
    'OVERVIEW_POLL_MS',
    1_000,
    'How often changes of devices are fetched for the overview and the map, in milliseconds; alerts come at once.',
    20,
    60_000,
  ),
  pageRows: setting.integer('OVERVIEW_PAGE_ROWS', 5_000, 'Devices fetched at once.', 1, 100_000),
  sampleMs: setting.integer(
    'OVERVIEW_SAMPLE_MS',
    5_000,
    'How often messages, discards and lag are counted for the overview, in milliseconds.',
    100,
    60_000,
  ),
  tickMs: setting.integer(
    'OVERVIEW_TICK_MS',
    1_000,
    'How often a live stream of the overview or the map tells what has changed, in milliseconds.',
    50,
    60_000,
  ),
  streamClients: setting.integer('OVERVIEW_STREAM_CLIENTS', 200, 'Live streams open at a time.', 1, 10_000),
  streamBufferBytes: setting.integer(
    'OVERVIEW_STREAM_BUFFER_BYTES',
    1_048_576,
    'While so much waits for a slow reader of a live stream, it is told nothing; what changed meanwhile comes together.',
    65_536,
  ),
  heartbeatMs: setting.integer(
    'OVERVIEW_HEARTBEAT_MS',
    15_000,
    'How often an idle live stream says that it is alive, in milliseconds.',
    1_000,
    120_000,
  ),
  mapDevices: setting.integer(
    'OVERVIEW_MAP_DEVICES',
    200_000,
    'Most devices that one answer of the map holds; where there are more, it asks to narrow the question.',
    1,
    5_000_000,
  ),
  mapCacheMs: setting.integer(
    'OVERVIEW_MAP_CACHE_MS',
    5_000,
    'How long a map that was built is given to everybody who may see the same, in milliseconds; the stream tells what changed since.',
    0,
    60_000,
  ),
});
export type OverviewConfig = ConfigOf<typeof overviewConfig>;
