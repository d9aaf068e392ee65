import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const rulesConfig = defineConfig('rules', {
  pollMs: setting.integer('RULES_POLL_MS', 500, 'How often changed rules are fetched, in milliseconds.', 10, 60_000),
  cacheDevices: setting.integer(
    'RULES_CACHE_DEVICES',
    200_000,
    'Devices whose rule state is kept in memory; the state of others is read when they report.',
    1_000,
    10_000_000,
  ),
  stateIntervalMs: setting.integer(
    'RULES_STATE_INTERVAL_MS',
    60_000,
    'What a rule last saw, where it decides nothing yet, is saved at most this often per device, in milliseconds.',
    0,
    3_600_000,
  ),
  outageMs: setting.integer(
    'RULES_OUTAGE_MS',
    15_000,
    'A longer standstill of the platform is not counted as silence of its devices, in milliseconds.',
    2_000,
    600_000,
  ),
});
export type RulesConfig = ConfigOf<typeof rulesConfig>;
