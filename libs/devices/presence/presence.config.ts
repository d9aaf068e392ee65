import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const presenceConfig = defineConfig('presence', {
  silenceFactor: setting.number(
    'PRESENCE_SILENCE_FACTOR',
    2.5,
    'A device is offline after this many of its expected intervals without a sign of life.',
    1,
    100,
  ),
  reconnectMs: setting.integer(
    'PRESENCE_RECONNECT_MS',
    300_000,
    'A device known to hold its connection is offline when it has been disconnected for this long, in milliseconds.',
    1_000,
    86_400_000,
  ),
  snapshotMs: setting.integer(
    'PRESENCE_SNAPSHOT_MS',
    60_000,
    'How often signs of life are written to the stream; after a restart at most this much of the stream is read again, in milliseconds.',
    100,
    3_600_000,
  ),
  lastSeenMs: setting.integer(
    'PRESENCE_LAST_SEEN_MS',
    900_000,
    'How old the last-seen time that the registry shows may get for a device that keeps reporting, in milliseconds.',
    1_000,
    86_400_000,
  ),
});
export type PresenceConfig = ConfigOf<typeof presenceConfig>;
