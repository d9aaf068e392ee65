import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

const day = 86_400;

export const deadLettersConfig = defineConfig('dead-letters', {
  maxLetters: setting.integer('DEAD_LETTERS_MAX', 100_000, 'Dead letters kept; the oldest go first.', 1, 10_000_000),
  maxBytes: setting.integer(
    'DEAD_LETTERS_MAX_BYTES',
    536_870_912,
    'Bytes of original messages kept with the dead letters; the oldest go first.',
    1_024,
  ),
  maxAgeSeconds: setting.integer('DEAD_LETTERS_MAX_AGE_SECONDS', 30 * day, 'How long a dead letter is kept.', 1),
  replayLimit: setting.integer(
    'DEAD_LETTERS_REPLAY_LIMIT',
    1_000,
    'Letters replayed by one request at most.',
    1,
    10_000,
  ),
});
export type DeadLettersConfig = ConfigOf<typeof deadLettersConfig>;
