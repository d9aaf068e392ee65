import { z } from 'zod';
import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

const redisUrl = z
  .string()
  .refine((text) => text.split(',').every((url) => URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)), {
    error: 'set it to redis:// or rediss:// URLs, with commas between',
  })
  .default('redis://127.0.0.1:6379');

/** Settings of the log between the stages. */
export const streamConfig = defineConfig('stream', {
  kind: {
    ...setting.choice(
      'STREAM_KIND',
      ['lmdb', 'redis'],
      'lmdb',
      'Engine of the log between the stages: lmdb (embedded, in DATA_DIR/stream), redis (Redis Streams, at REDIS_URL).',
    ),
    embedded: 'lmdb' as const,
  },
  partitions: setting.integer(
    'STREAM_PARTITIONS',
    0,
    'Partitions of every stream, 0 for 16 (lmdb) or 64 (redis); fixed at first start, another number is refused.',
    0,
    1024,
  ),
  redisUrl: {
    env: 'REDIS_URL',
    schema: redisUrl,
    doc: 'Redis 7 or later, redis://[user:password@]host[:port], rediss:// for TLS; some nodes with commas between for a cluster.',
    secret: true,
  },
  sentinelMaster: setting.optional(
    'REDIS_SENTINEL_MASTER',
    'Where sentinels watch over Redis: the name of the master there; REDIS_URL then names the sentinels (port 26379), with the login of Redis itself.',
  ),
  sentinelPassword: setting.secret('REDIS_SENTINEL_PASSWORD', 'Password of the sentinels, where they have one.'),
  redisPrefix: {
    env: 'STREAM_REDIS_PREFIX',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,32}$/, 'set it to 1 to 32 of A-Z a-z 0-9 _ . -')
      .default('cs'),
    doc: 'What all keys and channels in Redis begin with.',
  },
  leaseMs: setting.integer(
    'STREAM_LEASE_MS',
    10_000,
    'How long a process that is not heard of keeps its partitions, where several share them (redis).',
    500,
    600_000,
  ),
  maxBacklogBytes: setting.integer(
    'STREAM_MAX_BACKLOG_BYTES',
    256 * 2 ** 20,
    'How much of one partition and lane may wait for a stage before intake is held up (redis).',
    1_048_576,
  ),
  stageAttempts: setting.integer(
    'STREAM_STAGE_ATTEMPTS',
    5,
    'How often a stage is given the same batch before the batch is halved down to the entry it cannot take.',
    1,
    100,
  ),
  batchEntries: setting.integer('STREAM_BATCH_ENTRIES', 500, 'Most entries in one batch for a stage.', 1, 10_000),
  batchBytes: setting.integer(
    'STREAM_BATCH_BYTES',
    262_144,
    'About how many bytes go into one batch; less where a stage takes longer than 20 ms over it.',
    4_096,
    16_777_216,
  ),
  bulkPaceMs: setting.integer(
    'STREAM_BULK_PACE_MS',
    -1,
    'Least time between two batches of one partition of the bulk lane, so that small ones gather, -1 for 150 (lmdb) or 400 (redis); a backlog is not paced.',
    -1,
    1_000,
  ),
  reserveBytes: setting.integer(
    'STREAM_RESERVE_BYTES',
    128 * 2 ** 20,
    'Free disk below which nothing more is taken in, until space is freed (up to half of it may be free within the stream itself); half of it is kept for the stages.',
    1_048_576,
  ),
  retentionHours: setting.integer(
    'STREAM_RETENTION_HOURS',
    72,
    'How long a stream keeps entries that every stage has worked through; less where Redis is short of memory.',
    1,
    87_600,
  ),
  maxBytes: setting.integer(
    'STREAM_MAX_BYTES',
    20 * 2 ** 30,
    'Most bytes that one stream keeps; entries that a stage still owes are kept beyond it.',
    1_048_576,
  ),
});
export type StreamConfig = ConfigOf<typeof streamConfig>;
