import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

/** Settings of the log between the stages. */
export const streamConfig = defineConfig('stream', {
  kind: {
    ...setting.choice(
      'STREAM_KIND',
      ['lmdb'],
      'lmdb',
      'Engine of the log between the stages: lmdb (embedded, in DATA_DIR/stream).',
    ),
    embedded: 'lmdb' as const,
  },
  partitions: setting.integer(
    'STREAM_PARTITIONS',
    16,
    'Partitions of every stream; fixed at first start, and a start with another number is refused.',
    1,
    1024,
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
    150,
    'Least time between two batches of one partition of the bulk lane, so that small ones gather; a backlog is not paced.',
    0,
    1_000,
  ),
  reserveBytes: setting.integer(
    'STREAM_RESERVE_BYTES',
    128 * 2 ** 20,
    'Free disk below which nothing more is taken in, until space is freed; half of it is kept for the stages.',
    1_048_576,
  ),
  retentionHours: setting.integer(
    'STREAM_RETENTION_HOURS',
    72,
    'How long a stream keeps entries that every stage has worked through.',
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
