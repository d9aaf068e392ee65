import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const alertsConfig = defineConfig('alerts', {
  eventSource: setting.text(
    'ALERTS_EVENT_SOURCE',
    'urn:citysense:alerts',
    'CloudEvents `source` of every notification.',
  ),
  publicUrl: setting.text(
    'PUBLIC_URL',
    '',
    'Where people reach the platform, e.g. https://sensing.example.cn; links in notifications start with it.',
  ),
  relayPollMs: setting.integer(
    'ALERTS_RELAY_POLL_MS',
    200,
    'How often notifications written by other processes are looked for.',
    10,
    60_000,
  ),
  relayBatch: setting.integer('ALERTS_RELAY_BATCH', 500, 'Notifications passed on at a time.', 1, 5_000),
  retentionDays: setting.integer(
    'ALERTS_EVENT_RETENTION_DAYS',
    90,
    'Days that notifications are kept for GET events and for resuming the live stream.',
    1,
    3_650,
  ),
  feedClients: setting.integer('ALERTS_FEED_CLIENTS', 200, 'Live streams open at a time.', 1, 10_000),
  feedBufferBytes: setting.integer(
    'ALERTS_FEED_BUFFER_BYTES',
    1_048_576,
    'What may wait for one slow reader of the live stream before it is cut off.',
    65_536,
  ),
  feedHeartbeatMs: setting.integer(
    'ALERTS_FEED_HEARTBEAT_MS',
    15_000,
    'How often an idle live stream says that it is alive.',
    1_000,
    120_000,
  ),
});
export type AlertsConfig = ConfigOf<typeof alertsConfig>;
