import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const commandsConfig = defineConfig('commands', {
  expiresInSeconds: setting.integer(
    'COMMANDS_EXPIRE_SECONDS',
    3_600,
    'How long a command may wait for its device, unless the request says otherwise.',
    1,
    2_592_000,
  ),
  openPerDevice: setting.integer(
    'COMMANDS_OPEN_PER_DEVICE',
    32,
    'Commands that may wait for one device at a time; further ones are refused.',
    1,
    1_000,
  ),
  maxOpen: setting.integer(
    'COMMANDS_MAX_OPEN',
    100_000,
    'Waiting commands that a gateway holds in memory; those that expire later wait in the registry.',
    1,
  ),
  sweepMs: setting.integer(
    'COMMANDS_SWEEP_MS',
    30_000,
    'How often a gateway compares the waiting commands that it knows with the registry, in milliseconds.',
    100,
    600_000,
  ),
  claimSeconds: setting.integer(
    'COMMANDS_CLAIM_SECONDS',
    30,
    'How long one bridge has for handing a command to the cluster before another may; then also one without a subscriber is tried again.',
    1,
    3_600,
  ),
  keepDays: setting.integer('COMMANDS_KEEP_DAYS', 365, 'How long commands that are over are kept.', 1, 36_500),
});
export type CommandsConfig = ConfigOf<typeof commandsConfig>;
