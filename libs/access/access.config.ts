import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const accessConfig = defineConfig('access', {
  sessionIdleMinutes: setting.integer('SESSION_IDLE_MINUTES', 15, 'A session ends when unused for so long.', 1, 1_440),
  sessionTotalHours: setting.integer(
    'SESSION_TOTAL_HOURS',
    12,
    'A session ends so long after login, used or not.',
    1,
    168,
  ),
  lockoutFailures: setting.integer(
    'LOGIN_LOCKOUT_FAILURES',
    5,
    'Bad passwords that lock an account for an address.',
    1,
    100,
  ),
  lockoutMinutes: setting.integer('LOGIN_LOCKOUT_MINUTES', 15, 'How long that lock holds.', 1, 1_440),
  masterKeyFile: setting.optional(
    'MASTER_KEY_FILE',
    'File of the keys that encrypt secrets at rest; default <DATA_DIR>.key, beside the data. The same for every process. Keep it out of backups of the data.',
  ),
  initialPasswordFile: setting.optional(
    'INITIAL_ADMIN_PASSWORD_FILE',
    'File with the password that the first start gives the account admin; default: one is made and kept in DATA_DIR/initial-admin-password until it is changed.',
  ),
});
export type AccessConfig = ConfigOf<typeof accessConfig>;
