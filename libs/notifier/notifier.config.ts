import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const notifierConfig = defineConfig('notifier', {
  allowLoopback: setting.flag(
    'NOTIFIER_ALLOW_LOOPBACK',
    false,
    'Lets webhooks reach this machine itself (127.0.0.0/8, ::1), http included. For tests and the tour; never in production.',
  ),
  attemptTimeoutMs: setting.integer(
    'NOTIFIER_ATTEMPT_TIMEOUT_MS',
    15_000,
    'How long one attempt to deliver may take.',
    100,
    120_000,
  ),
  endpointConcurrency: setting.integer(
    'NOTIFIER_ENDPOINT_CONCURRENCY',
    8,
    'Attempts under way at a time to one endpoint; one while it is failing.',
    1,
    64,
  ),
  concurrency: setting.integer('NOTIFIER_CONCURRENCY', 512, 'Attempts under way at a time in all.', 1, 4_096),
  failingAfter: setting.integer(
    'NOTIFIER_FAILING_AFTER',
    3,
    'Failed attempts in a row that make an endpoint "failing".',
    1,
    1_000,
  ),
  pollMs: setting.integer(
    'NOTIFIER_POLL_MS',
    250,
    'How often due deliveries are looked for that nothing announced: retries, replays asked for in another process.',
    10,
    60_000,
  ),
  retentionDays: setting.integer(
    'NOTIFIER_RETENTION_DAYS',
    30,
    'Days that finished deliveries and their attempts are kept for reading and replay.',
    4,
    3_650,
  ),
  handshakeOrigin: setting.text(
    'NOTIFIER_ORIGIN',
    'citysense',
    'WebHook-Request-Origin of the CloudEvents validation handshake: the DNS name of this platform.',
  ),
});
export type NotifierConfig = ConfigOf<typeof notifierConfig>;
